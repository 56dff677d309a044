# SPDX-License-Identifier: Apache-2.0

import os
import stat

from pratai.db import api as db_api
from pratai.tests import base


class TestFiles(base.TestCase):

    def test_nobody_else_reads_them(self):
        self.addCleanup(os.umask, os.umask(0))
        database = db_api.Database(self.conf)
        self.addCleanup(database.dispose)
        with database.writer() as session:
            session.connection().exec_driver_sql('CREATE TABLE t (a)')
        modes = {name: stat.S_IMODE(os.stat(
            os.path.join(self.state_path, name)).st_mode)
            for name in os.listdir(self.state_path)}
        self.assertEqual(dict.fromkeys(
            ['pratai.sqlite', 'pratai.sqlite-shm', 'pratai.sqlite-wal'],
            0o600), modes)

    def test_what_is_there_stays_as_it_is(self):
        path = os.path.join(self.state_path, 'pratai.sqlite')
        with open(path, 'w'):
            os.chmod(path, 0o640)
        database = db_api.Database(self.conf)
        self.addCleanup(database.dispose)
        database.engine().connect().close()
        self.assertEqual(0o640, stat.S_IMODE(os.stat(path).st_mode))
