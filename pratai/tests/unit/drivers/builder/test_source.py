# SPDX-License-Identifier: Apache-2.0

import os
import threading
import uuid

import fixtures

from pratai import exception
from pratai.tests.unit.drivers.builder import base

FAILED = 'build.requirements_failed'
FOREVER = 'import time\nprint("never ending", flush=True)\ntime.sleep(10000)'


class TestSource(base.BuilderTestCase):

    def test_it_is_built(self):
        self.index.sdist('first', code='FILES["first.py"] = "x = 1\\n"')
        self.index.wheel('second')
        image = self.build('first\nsecond')
        self.assertEqual('x = 1\n', self.read_layer(image, 'first.py'))
        self.assertTrue(os.path.exists(self.layer_path(image, 'second.py')))

    def test_a_wheel_is_preferred(self):
        self.index.sdist('first', '2.0')
        self.index.wheel('first', '1.0')
        self.assertEqual("version = '1.0'\n", self.read_layer(
            self.build('first'), 'first.py'))

    def test_the_operator_can_forbid_it(self):
        self.options(allow_sdists=False)
        self.index.sdist('first')
        self.assertIn('first', self.refused(FAILED, 'first'))

    def test_it_fails(self):
        self.index.sdist('first', code='raise ValueError("no such luck")')
        detail = self.refused(FAILED, 'first')
        self.assertIn('ValueError: no such luck', detail)
        self.assertIn('first', detail)

    def test_it_never_ends(self):
        mark = uuid.uuid4().hex
        self.options(timeout=5)
        self.index.sdist('first', code='''
            import subprocess, sys
            subprocess.Popen([sys.executable, "-c",
                              "import time; time.sleep(10000)", "%s"],
                             start_new_session=True)
            while True:
                pass
            ''' % mark)
        self.assertIn('5 seconds', self.refused('build.timeout', 'first'))
        self.assertEqual([], base.processes_with(mark))

    def test_what_it_leaves_behind_is_killed(self):
        mark = uuid.uuid4().hex
        self.index.sdist('first', code='''
            import subprocess, sys
            for number in range(3):
                subprocess.Popen([sys.executable, "-c",
                                  "import time; time.sleep(10000)", "%s"],
                                 start_new_session=True,
                                 stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            ''' % mark)
        self.build('first')
        self.assertEqual([], base.processes_with(mark))

    def test_cancel(self):
        self.index.sdist('first', code=FOREVER)
        build = self.new_build('first')
        seen = threading.Event()
        errors = []

        def log(line):
            if 'Preparing metadata' in line:
                seen.set()

        def run():
            try:
                self.builder.build(build, log)
            except exception.PrataiError as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.assertTrue(seen.wait(60))
        self.builder.cancel(build.build_id)
        thread.join()
        self.assertEqual(['build.cancelled'], [e.code for e in errors])
        self.assertNothingHalfMade()
        self.builder.cancel(build.build_id)
        self.builder.cancel('nothing')

    def test_what_it_can_see(self):
        if self.builder.launcher.isolation == 'none':
            self.skipTest('there are no sandboxes here')
        self.useFixture(fixtures.EnvironmentVariable(
            'PRATAI_TEST_SECRET', 'secret'))
        self.index.wheel('second')
        self.build('second')
        self.index.sdist('first', code='''
            import glob, os
            said = []
            for path in ("/etc/shadow", "/root/.bashrc", "%(state)s",
                         "%(state)s/layers", "/var/log", "/home"):
                try:
                    found = (open(path).read() if os.path.isfile(path)
                             else os.listdir(path))
                    said.append("read " + path) if found else None
                except OSError:
                    pass
            said += ["env " + name for name in os.environ
                     if "SECRET" in name]
            said += ["pid " + path for path in glob.glob("/proc/[0-9]*/comm")
                     if "bwrap" in open(path).read()]
            said += ["root"] if os.getuid() == 0 else []
            FILES["first.txt"] = "\\n".join(said)
            ''' % {'state': self.state})
        image = self.build('first')
        self.assertEqual('', self.read_layer(image, 'first.txt'))

    def test_what_it_leaves_in_its_folder(self):
        self.index.sdist('first', code='''
            import os
            place = os.path.dirname(os.environ["TMPDIR"])
            for name in ("wheels", "tmp"):
                os.makedirs(os.path.join(place, name), exist_ok=True)
                os.symlink("/etc/passwd", os.path.join(
                    place, name, "evil-1.0-py3-none-any.whl"))
                os.mkfifo(os.path.join(
                    place, name, "evil-2.0-py3-none-any.whl"))
            os.mkdir(os.path.join(place, "closed"))
            os.mkdir(os.path.join(place, "closed", "x"))
            os.chmod(os.path.join(place, "closed"), 0)
            os.mkdir(os.path.join(place, "deep"))
            before = os.getcwd()
            os.chdir(os.path.join(place, "deep"))
            for _ in range(150):
                os.mkdir("d")
                os.chdir("d")
            os.chdir(before)
            FILES["first.txt"] = "done"
            ''')
        image = self.build('first')
        self.assertEqual('done', self.read_layer(image, 'first.txt'))
        self.assertNothingHalfMade()

    def test_what_it_can_write(self):
        if self.builder.launcher.isolation == 'none':
            self.skipTest('there are no sandboxes here')
        self.index.wheel('second')
        self.build('second')    # so that there is a cache
        before = base.tree_of(os.path.join(self.state, 'cache'))
        self.index.sdist('first', code='''
            import os
            said = []
            for folder in ("/etc", "/usr/lib", "/", "/pratai", "/pratai/lib",
                           "/pratai/lib/pip", "%s", "/root", "/home", "/var",
                           "/build/cache/http-v2",
                           "/proc/sys/kernel"):
                try:
                    with open(folder + "/written", "w") as target:
                        target.write("x")
                    said.append(folder)
                except OSError:
                    pass
            for name in ("http", "http-v2", "http-v9"):
                folder = "/build/cache/%%s/1/2/3/4/5" %% name
                try:
                    os.makedirs(folder)
                    with open(folder + "/" + 56 * "1", "w") as target:
                        target.write("poison")
                except OSError:
                    pass
            FILES["first.txt"] = "\\n".join(said)
            ''' % self.index.files)
        image = self.build('first')
        self.assertEqual('', self.read_layer(image, 'first.txt'))
        after = base.tree_of(os.path.join(self.state, 'cache'))
        self.assertEqual(1, len(os.listdir(os.path.join(
            self.state, 'cache', 'wheels'))) - len(before['wheels']))
        self.assertEqual(before['pip'], after['pip'])

    def test_no_program_runs_before_it_is_built(self):
        # A wheel may ask for an address, and the address for a program.
        path = os.path.join(self.index.files, 'evil-1.0.tar.gz')
        self.index.sdist('evil', code='print("evil has run")')
        self.options(allow_sdists=False)
        self.index.wheel('first', requires=['evil @ file://' + path])
        detail = self.refused(FAILED, 'first')
        self.assertNotIn('evil has run', ' '.join(self.log))
        self.assertIn('not allowed while downloading',
                      ' '.join(self.log) + detail)

    def test_it_talks_much(self):
        self.options(max_log=4096)
        self.index.sdist('first', code='''
            for number in range(20000):
                print("line", number)
            print("x" * 2000000)
            raise ValueError("at last")
            ''')
        self.assertIn('at last', self.refused(FAILED, 'first'))
        self.assertGreaterEqual(4096,
                                sum(len(line) + 1 for line in self.log))
        self.assertIn('[the log is cut here: it is longer than 4096 bytes]',
                      self.log)
        self.assertLess(max(map(len, self.log)), 2001)

    def test_it_talks_strangely(self):
        self.index.sdist('first', code='''
            import os
            os.write(1, b"\\xff\\xfe\\x00\\x1b[31mred\\x1b[0m\\rover\\n")
            raise ValueError("done")
            ''')
        self.refused(FAILED, 'first')
        for line in self.log:
            self.assertNotRegex(line, r'[\x00-\x08\x0b-\x1f]')

    def test_it_takes_memory(self):
        self.index.sdist('first', code='''
            many = []
            while True:
                many.append(bytearray(10 << 20))
            ''')
        detail = self.refused(FAILED, 'first', memory=200)
        self.assertIn('emory', detail)

    def test_it_forks_without_end(self):
        mark = uuid.uuid4().hex
        self.options(max_processes=60, timeout=6)
        self.index.sdist('first', code='''
            import os, sys, time
            while True:
                try:
                    if os.fork() == 0:
                        os.execv(sys.executable, [
                            sys.executable, "-c",
                            "import time; time.sleep(10000)", "%s"])
                except OSError:
                    pass
            ''' % mark)
        self.refused('build.timeout', 'first')
        self.assertEqual([], base.processes_with(mark))
