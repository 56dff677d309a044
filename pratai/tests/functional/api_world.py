# SPDX-License-Identifier: Apache-2.0
"""A control API to send requests to, with all that is behind it.

The database is a SQLite file, the conductor a real one behind the
in-process transport. Only the executor is played: it is entered in the
service list and answers for one request that runs.
"""

import configparser
import datetime
import io
import os
import tempfile
import time
import uuid
import zipfile

import fixtures
from gabbi import fixture
from gabbi.handlers import base
from gabbi.handlers import jsonhandler
from oslotest import base as test_base
import webob

from pratai import conf as configuration
from pratai import drivers
from pratai import rpc
from pratai import states
from pratai.api import app
from pratai.api import openapi
from pratai.conductor import manager
from pratai.conductor import rpcapi
from pratai.db import api as db_api
from pratai.db import migration
from pratai.tests.functional import openapi_check

HOST = 'node1'
#: Belongs to everything that is there from the beginning.
PROJECT = 'prepared'
READY = '1' * 32
BROKEN = '2' * 32
QUEUED = '01900000000070008000000000000001'
RUNNING = '01900000000070008000000000000002'
SUCCEEDED = '01900000000070008000000000000003'
FAILED = '01900000000070008000000000000004'

SOURCE = 'def main(payload=None):\n    return payload\n'


class Executor:
    """Plays the executor of :data:`HOST`."""

    def logs(self, request_id):
        return {'logs': 'one\ntwo\n', 'truncated': False}

    def cancel(self, request_id):
        return False

    def build(self, incarnation, builds):
        """Never gets it done."""

    def forget(self, version_ids):
        """Has nothing to forget."""


class World:
    """Everything behind one API; close() it.

    :param options: {group: {option: value}} of the configuration file.
    :param project: what prepare() makes belongs to it.
    """

    def __init__(self, options=None, project=PROJECT):
        self.project = project
        self.directory = tempfile.TemporaryDirectory(prefix='pratai-test-')
        self.conf = conf = configuration.new(files=[self._configure({
            'DEFAULT': {'state_path': self.directory.name},
            'api': {'auth_strategy': 'noauth'},
            'conductor': {'service_down_time': '3600'}} | (options or {}))])
        self.database = db_api.Database(conf)
        migration.sync(self.database.engine())
        transport = rpc.transport(conf, 'inproc://%s/' % uuid.uuid4().hex)
        self._servers = [
            rpc.Server(transport, rpc.CONDUCTOR, conf.host,
                       manager.ConductorManager(conf, self.database,
                                                transport)),
            rpc.Server(transport, rpc.EXECUTOR, HOST, Executor())]
        for server in self._servers:
            server.start()
        self.store = drivers.load(drivers.PACKAGE_STORE, 'file', conf)
        self.application = app.build_app(
            conf, self.database, rpcapi.ConductorAPI(transport), self.store)

    def _configure(self, options):
        parser = configparser.RawConfigParser()
        parser.read_dict(options)
        path = os.path.join(self.directory.name, 'pratai.conf')
        with open(path, 'w') as file:
            parser.write(file)
        return path

    def close(self):
        for server in self._servers:
            server.stop()
        self.database.dispose()
        self.directory.cleanup()

    def prepare(self):
        """Enter an executor, runtimes, functions and requests."""
        database, now = self.database, time.time()
        database.runtimes_offered([
            dict(name=name, language='python', version=version,
                 description='Python %s' % version)
            for name, version in (('python27', '2.7.18'),
                                  ('python39', '3.9.2'),
                                  ('python311', '3.11.2'))])
        database.service_register('pratai-conductor', 'node0',
                                  uuid.uuid4().hex, now, {'pid': 1})
        self.incarnation = uuid.uuid4().hex
        database.service_register(
            'pratai-executor', HOST, self.incarnation, now,
            {'runtimes': ['python39', 'python311'],
             'warnings': ['Memory is not limited.']},
            {'key': 'a secret', 'data_url': 'http://127.0.0.1:9897'})
        ready = self._function(READY, 'ready', {'driver': 'fake'})
        self._function(BROKEN, 'broken', None, 'build.no_main',
                       'new_module.py has no function main.')
        self._requests(ready)

    def _function(self, function_id, name, image, code=None, detail=None):
        function = self.database.function_create(
            dict(id=function_id, project_id=self.project, user_id='ann',
                 name=name,
                 description='', type='async', event='webhook', public=False,
                 webhook_token='a-token'),
            dict(runtime='python311', memory=128, cpus=1, timeout=60,
                 isolation='request', network=False, limit=100),
            dict(id=uuid.uuid4().hex, location=self.store.put(
                uuid.uuid4().hex, package(SOURCE)), sha256='0' * 64, size=1,
                module=SOURCE, requirements=''))
        build, = self.database.build_claim(self.incarnation, 1, 3600)
        self.database.build_log(build['build_id'], build['attempt'],
                                'Looking for main()\n')
        self.database.build_finish(build['build_id'], build['attempt'],
                                   image, code, detail)
        return function

    def _requests(self, function):
        """One in each state; the claims go in the order of the ids."""
        row = dict(project_id=self.project, function_id=function['id'],
                   version_id=function['version_id'], type='async',
                   event='webhook', status=states.QUEUED, attempt=0,
                   failures=0, max_attempts=3,
                   created_at=datetime.datetime(2026, 1, 2, 3, 4, 5))
        for request_id in (SUCCEEDED, FAILED, RUNNING, QUEUED):
            self.database.request_add(
                [dict(row, id=request_id)],
                [{'id': request_id, 'payload': b'{"key": "value"}'}])
            if request_id != QUEUED:
                self.database.claim(READY, self.incarnation, HOST, 1, 3600)
        ended = dict(attempt=1, start='warm', started_at=time.time(),
                     finished_at=time.time(), duration=2.5, truncated=False)
        self.database.record([
            dict(ended, id=SUCCEEDED, status=states.SUCCEEDED,
                 response='{"key": "value"}', logs='INFO h\u00e9llo\n'),
            dict(ended, id=FAILED, status=states.FAILED, truncated=True,
                 code='function.failed', detail='ValueError: no',
                 logs='Traceback: ...\n')])


def package(source, requirements=''):
    """:returns: a zip as users make it."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as archive:
        archive.writestr('new_module.py', source)
        archive.writestr('requirements.txt', requirements)
    return data.getvalue()


class TestCase(test_base.BaseTestCase):
    """A test with a world of its own."""

    options = {}

    def setUp(self):
        super().setUp()
        self.world = World(self.options)
        self.addCleanup(self.world.close)
        self.world.prepare()

    def call(self, path, method='GET', **environ):
        request = webob.Request.blank(path, method=method, environ=environ)
        return request.get_response(self.world.application)


class API(fixture.GabbiFixture):
    """Gabbi: a world that every answer of is checked against what
    /v1/openapi.json promises."""

    options = {}
    current = None

    def make(self):
        """:returns: a world, not prepared yet."""
        return World(self.options)

    def start_fixture(self):
        self.world = self.make()
        try:
            self.world.prepare()
        except Exception:
            self.world.close()  # gabbi does not
            raise
        API.current = openapi_check.Checker(
            self.world.application, openapi.document(self.world.conf))

    def stop_fixture(self):
        self.world.close()


class Personas(API):
    """Gabbi: tokens of all kinds of callers in the environment."""

    TOKENS = {'reader': 'rea:prepared:reader', 'member': 'mem:prepared:member',
              'manager': 'man:prepared:manager',
              'admin': 'root:prepared:admin',
              'service': 'meter:service:service',
              'stranger': 'eve:elsewhere:member'}

    def tokens(self):
        """:returns: {kind of caller: token}."""
        return self.TOKENS

    def start_fixture(self):
        super().start_fixture()
        self._variables = fixtures.MonkeyPatch(
            'os.environ', dict(os.environ, **{
                'PRATAI_TOKEN_' + name.upper(): token
                for name, token in self.tokens().items()}))
        self._variables.setUp()

    def stop_fixture(self):
        self._variables.cleanUp()
        super().stop_fixture()


class SmallLimits(API):
    """Gabbi: packages of 1 KB at most, pages of 2 items."""

    options = {'limits': {'max_package': 1024},
               'api': {'auth_strategy': 'noauth', 'max_limit': 2}}


def application():
    """:returns: the WSGI application of the running fixture, for gabbi."""
    return lambda *args: API.current(*args)


class Form(base.ContentHandler):
    """Gabbi: lets a test name the parts of a form.

    ``zip: {file: content}`` makes a package; a list of pairs instead of a
    dict allows a part twice.
    """

    test_key_suffix = 'form'  # gabbi wants one; no test uses it
    test_key_value = {}
    BOUNDARY = 'a-boundary'

    @staticmethod
    def accepts(content_type):
        return content_type.startswith('multipart/form-data')

    @classmethod
    def dumps(cls, data, pretty=False, test=None):
        if isinstance(data, bytes):
            return data  # gabbi offers its own answer again
        pairs = data.items() if isinstance(data, dict) else (
            tuple(item.items())[0] for item in data)
        body = io.BytesIO()
        for name, value in pairs:
            filename = ''
            if name == 'zip_file' and isinstance(value, dict):
                archive = io.BytesIO()
                with zipfile.ZipFile(archive, 'w') as file:
                    for member, content in value.items():
                        file.writestr(member, content)
                value, filename = archive.getvalue(), '; filename="a.zip"'
            elif isinstance(value, (dict, list)):
                value = jsonhandler.JSONHandler.dumps(value)
            if isinstance(value, str):
                value = value.encode()
            body.write(('--%s\r\nContent-Disposition: form-data; name="%s"%s'
                        '\r\n\r\n' % (cls.BOUNDARY, name, filename)).encode())
            body.write(value + b'\r\n')
        body.write(('--%s--\r\n' % cls.BOUNDARY).encode())
        return body.getvalue()
