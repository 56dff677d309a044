# SPDX-License-Identifier: Apache-2.0

import os
import subprocess
import sys
import threading
import uuid

from pratai import exception
from pratai.drivers.builder import base as driver
from pratai.tests.unit.drivers.builder import base

FAILED = 'build.requirements_failed'
FOREVER = 'import time\nprint("never ending", flush=True)\ntime.sleep(10000)'


def processes_with(text):
    """:returns: command lines of running processes that have a text."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open('/proc/%s/cmdline' % pid, 'rb') as source:
                line = source.read()
            with open('/proc/%s/stat' % pid) as source:
                state = source.read().rpartition(')')[2].split()[0]
        except OSError:
            continue
        if text.encode() in line and state not in 'ZX':
            found.append(line)
    return found


class TestModule(base.BuilderTestCase):

    def test_no_requirements(self):
        image = self.build('# nothing\n\n')
        self.assertEqual('process', image['driver'])
        self.assertIsNone(image['layer'])
        with open(self.image_path(image, 'new_module.py')) as source:
            self.assertEqual(base.MAIN, source.read())
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual([], self.log)
        self.assertNothingHalfMade()

    def test_it_is_compiled(self):
        image = self.build()
        folder = self.image_path(image, '__pycache__')
        self.assertEqual(1, len(os.listdir(folder)))
        for path in (folder, self.image_path(image)):
            self.assertEqual(0o755, os.stat(path).st_mode & 0o7777)

    def test_syntax_error(self):
        detail = self.refused('build.syntax_error',
                              module='x = 1\n\ndef main(:\n    pass\n')
        self.assertEqual('new_module.py, line 3: invalid syntax', detail)
        self.assertIn('    def main(:', self.log)

    def test_too_complex(self):
        self.refused('build.syntax_error', module='-' * 200000 + '1')
        self.refused('build.syntax_error', module='(' * 200000)

    def test_encoding_of_the_module(self):
        image = self.build(module='# coding: latin-1\nx = "\xe9"\n')
        with open(self.image_path(image, 'new_module.py'), 'rb') as source:
            self.assertIn(b'\xe9', source.read())
        self.build(module='x = "\xe9\u20ac\U0001f600"\n')

    def test_the_module_is_not_run(self):
        image = self.build(module='import os\nos.abort()\n')
        self.assertTrue(os.path.isdir(self.image_path(image)))

    def test_again(self):
        build = self.new_build()
        first = self.builder.build(build, self.log.append)
        build.module = 'def main():\n    pass\n'
        self.assertEqual(first, self.builder.build(build, self.log.append))
        with open(self.image_path(first, 'new_module.py')) as source:
            self.assertEqual(build.module, source.read())

    def test_remove(self):
        image = self.build()
        self.builder.remove(image)
        self.builder.remove(image)
        self.assertFalse(os.path.exists(self.image_path(image)))

    def test_an_interpreter_that_is_not_there(self):
        build = self.new_build()
        build.runtime = dict(base.RUNTIME, properties={
            'interpreter': '/nowhere/python', 'prefixes': []})
        self.assertRaises(exception.SandboxError, self.builder.build, build,
                          str)
        self.assertNothingHalfMade()


class TestLayers(base.BuilderTestCase):

    def test_a_wheel_and_what_it_requires(self):
        self.index.wheel('first', requires=['second>=1'])
        self.index.wheel('second', '0.5')
        self.index.wheel('second', '1.5')
        image = self.build('first')
        self.assertEqual("version = '1.5'\n",
                         self.read_layer(image, 'second.py'))
        self.assertEqual(0o755, os.stat(
            self.layer_path(image)).st_mode & 0o7777)
        self.assertEqual(0o644, os.stat(
            self.layer_path(image, 'first.py')).st_mode & 0o7777)
        compiled = os.listdir(self.layer_path(image, '__pycache__'))
        self.assertEqual(2, len(compiled))
        self.assertIn('Successfully downloaded', ' '.join(self.log))

    def test_it_can_be_imported(self):
        self.index.wheel('first', files={
            'first/__init__.py': 'from first import other\n',
            'first/other.py': 'x = 1\n'})
        image = self.build('first')
        subprocess.run([base.interpreter(), '-c', 'import first'], check=True,
                       env={'PYTHONPATH': self.layer_path(image)})

    def test_equal_requirements_share(self):
        self.index.wheel('first')
        self.index.wheel('second')
        one = self.build('First  # a comment\n\nsecond >=1, <2\n')
        self.log.clear()
        two = self.build('second<2,>=1\nfirst\n')
        self.assertEqual(one['layer'], two['layer'])
        self.assertNotEqual(one['id'], two['id'])
        self.assertEqual(['The dependencies are there already.'], self.log)

    def test_other_requirements_share_what_was_unpacked(self):
        self.index.wheel('first')
        self.index.wheel('second')
        one = self.build('first')
        two = self.build('first\nsecond')
        self.assertNotEqual(one['layer'], two['layer'])
        self.assertTrue(os.path.samefile(self.layer_path(one, 'first.py'),
                                         self.layer_path(two, 'first.py')))

    def test_other_runtimes_do_not_share(self):
        self.index.wheel('first')
        one = self.build('first')
        build = self.new_build('first')
        build.runtime = dict(base.RUNTIME, fingerprint='another')
        two = self.builder.build(build, str)
        self.assertNotEqual(one['layer'], two['layer'])

    def test_packages_in_one_namespace(self):
        self.index.wheel('one', files={'space/one.py': ''})
        self.index.wheel('two', files={'space/two.py': ''})
        image = self.build('one\ntwo')
        self.assertEqual(
            ['__pycache__', 'one.py', 'two.py'],
            sorted(os.listdir(self.layer_path(image, 'space'))))

    def test_two_packages_with_one_file(self):
        self.index.wheel('one', files={'same.py': 'x = 1\n'})
        self.index.wheel('two', files={'same.py': 'x = 2\n'})
        self.assertEqual('x = 1\n', self.read_layer(
            self.build('one'), 'same.py'))
        self.assertEqual('x = 2\n', self.read_layer(
            self.build('one\ntwo'), 'same.py'))
        # The one that is shared did not change.
        self.assertEqual('x = 1\n', self.read_layer(
            self.build('one'), 'same.py'))

    def test_a_file_and_a_folder_of_one_name(self):
        self.index.wheel('one', files={'same/x.py': ''})
        self.index.wheel('two', files={'same': ''})
        self.assertIn('same', self.refused(FAILED, 'one\ntwo'))

    def test_markers_and_extras(self):
        self.index.wheel('first', requires=['second; extra == "more"'],
                         extras=['more'])
        self.index.wheel('second')
        image = self.build('first[more]\nthird; python_version < "3"')
        self.assertTrue(os.path.exists(self.layer_path(image, 'second.py')))

    def test_only_what_does_not_apply(self):
        image = self.build('third; python_version < "3"')
        self.assertEqual([], os.listdir(self.layer_path(image)))

    def test_hashes(self):
        digest = self.index.wheel('first')
        detail = self.refused(FAILED, 'first==1.0 --hash=sha256:' + '0' * 64)
        self.assertIn('A hash in requirements.txt', detail)
        self.build('first==1.0 --hash=sha256:' + digest)

    def test_two_builds_at_once_make_a_layer_once(self):
        self.index.wheel('first')
        logs = [[] for _ in range(4)]
        images = []

        def build(log):
            images.append(self.builder.build(self.new_build('first'),
                                             log.append))

        threads = [threading.Thread(target=build, args=(log,))
                   for log in logs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(4, len(images))
        self.assertEqual(1, len({image['layer'] for image in images}))
        said = [line for log in logs for line in log
                if line.startswith('Successfully')]
        self.assertEqual(1, len(said))
        self.assertNothingHalfMade()


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
        self.options(timeout=8)
        self.index.sdist('first', code='''
            import subprocess, sys
            subprocess.Popen([sys.executable, "-c",
                              "import time; time.sleep(10000)", "%s"],
                             start_new_session=True)
            while True:
                pass
            ''' % mark)
        self.assertIn('8 seconds', self.refused('build.timeout', 'first'))
        self.assertEqual([], processes_with(mark))

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
        self.assertEqual([], processes_with(mark))

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
        os.environ['PRATAI_TEST_SECRET'] = 'secret'
        self.addCleanup(os.environ.pop, 'PRATAI_TEST_SECRET')
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
        before = tree_of(os.path.join(self.state, 'cache'))
        self.index.sdist('first', code='''
            import os
            said = []
            for folder in ("/etc", "/usr/lib", "/", "/pratai", "/pratai/lib",
                           "/pratai/lib/pip", "%s", "/root", "/home", "/var",
                           "/cache/http-v2", "/proc/sys/kernel"):
                try:
                    with open(folder + "/written", "w") as target:
                        target.write("x")
                    said.append(folder)
                except OSError:
                    pass
            for folder in ("/cache/http/1/2/3/4/5", "/cache/http-v2/1/2/3/4/5",
                           "/cache/http-v9/1/2/3/4/5"):
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
        after = tree_of(os.path.join(self.state, 'cache'))
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
        self.assertIn('evil', ' '.join(self.log) + detail)

    def test_it_talks_much(self):
        self.options(max_log=4096)
        self.index.sdist('first', code='''
            for number in range(100000):
                print("line", number)
            print("x" * 10000000)
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
        self.options(max_processes=60, timeout=10)
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
        self.assertEqual([], processes_with(mark))


def tree_of(path):
    """:returns: {top folder: sorted files below}."""
    found = {}
    for name in os.listdir(path):
        found[name] = sorted(
            os.path.join(folder, file)
            for folder, _, names in os.walk(os.path.join(path, name))
            for file in names)
    found['wheels'] = os.listdir(os.path.join(path, 'wheels'))
    return found


class TestRefused(base.BuilderTestCase):

    def test_no_such_package(self):
        self.assertEqual('No matching distribution found for nosuchpkg==9',
                         self.refused(FAILED, 'nosuchpkg==9'))

    def test_no_such_version(self):
        self.index.wheel('first')
        self.assertEqual('No matching distribution found for first==9',
                         self.refused(FAILED, 'first==9'))

    def test_conflict(self):
        self.index.wheel('first', requires=['third==1'])
        self.index.wheel('second', requires=['third==2'])
        self.index.wheel('third', '1')
        self.index.wheel('third', '2')
        detail = self.refused(FAILED, 'first\nsecond')
        for word in ('first', 'second', 'depends on third==1',
                     'depends on third==2'):
            self.assertIn(word, detail)

    def test_files_of_the_node(self):
        for line in ('-r /etc/passwd', '--index-url=http://127.0.0.1/',
                     '-e .', '/etc', 'a @ file:///etc/passwd'):
            self.assertIn('line 2', self.refused(FAILED, 'first\n' + line))
        self.assertEqual([], self.log)

    def test_a_wheel_that_leads_out(self):
        self.index.wheel('first', files={'../../../evil.py': ''})
        self.assertIn('outside', self.refused(FAILED, 'first'))

    def test_a_wheel_that_is_damaged(self):
        self.index.add('first', 'first-1.0-py3-none-any.whl', b'nothing')
        self.refused(FAILED, 'first')

    def test_too_large(self):
        self.options(max_layer=20)
        parts = {'part%d' % number: os.urandom(1 << 20)
                 for number in range(21)}
        self.index.wheel('first', files=parts)
        self.refused('build.too_large', 'first')

    def test_a_file_too_large(self):
        self.options(max_layer=2)
        self.index.wheel('first', files={'zeros': b'\0' * (3 << 20)})
        self.refused('build.too_large', 'first')

    def test_too_large_together(self):
        self.options(max_layer=5)
        for name in ('one', 'two', 'three'):
            self.index.wheel(name, files={'%s.bin' % name: b'\0' * (2 << 20)})
        self.build('one\ntwo')
        error = self.assertRaises(exception.BuildError, self.build,
                                  'one\ntwo\nthree')
        self.assertEqual('build.too_large', error.code)

    def test_too_many_files(self):
        self.options(max_layer_files=100)
        self.index.wheel('first', files={'f%d' % n: '' for n in range(101)})
        self.refused('build.too_large', 'first')

    def test_too_much_while_it_is_built(self):
        self.options(max_layer=20)
        self.index.sdist('first', code='''
            import os, time
            for number in range(1000):
                with open("junk%d" % number, "wb") as target:
                    target.write(bytes(5 << 20))
                    os.fsync(target.fileno())
            time.sleep(10000)
            ''')
        self.refused('build.too_large', 'first')


class TestNode(base.BuilderTestCase):
    """What goes wrong on the node is not the tenant's fault."""

    def test_the_disk_is_nearly_full(self):
        self.options(min_free=1 << 40)
        self.index.wheel('first')
        detail = self.refused('platform.no_space', 'first',
                              error=exception.SandboxError)
        self.assertIn('room', detail)

    def test_the_disk_is_full(self):
        if os.getuid():
            self.skipTest('only root can mount a small disk')
        self.index.wheel('first', files={
            'x%d' % number: os.urandom(1 << 20) for number in range(40)})
        small = os.path.join(self.folder, 'small')
        os.mkdir(small)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=60m', 'small',
                        small], check=True)
        self.addCleanup(subprocess.run, ['umount', '-l', small], check=True)
        self.state = os.path.join(small, 'state')
        self.conf.set_override('state_path', self.state)
        self.builder = self.new_builder()
        self.refused('platform.no_space', 'first',
                     error=exception.SandboxError)
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))

    def test_a_crash_leaves_nothing_that_counts(self):
        self.index.sdist('first', code=FOREVER)
        # A life of the service that is killed while it builds.
        program = (
            'import sys\n'
            'from pratai import conf\n'
            'from pratai.tests.unit.drivers.builder import base\n'
            'from pratai.drivers.builder import base as driver, process\n'
            'c = conf.new(files=[])\n'
            'c.set_override("state_path", sys.argv[1])\n'
            'c.set_override("index_url", sys.argv[2], group="builder")\n'
            'builder = process.ProcessBuilder(c, None)\n'
            'build = driver.Build("1" * 32, "2" * 32, base.RUNTIME, "",\n'
            '                     "first")\n'
            'builder.build(build, lambda line: print(line, flush=True))\n')
        life = subprocess.Popen(
            [sys.executable, '-c', program, self.state, self.index.url],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(life.stdout.close)
        for line in life.stdout:
            if 'Preparing metadata' in line:
                break
        else:
            self.fail('It ended: %s' % life.wait())
        life.kill()
        life.wait()
        life.stdout.read()      # until the last of its processes is gone
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual([], os.listdir(os.path.join(self.state, 'images')))
        self.builder.collect([])
        self.assertNothingHalfMade()
        self.index.wheel('first')
        self.build('first')

    def test_collect(self):
        self.options(collect_grace=0)
        self.builder = self.new_builder()
        self.index.wheel('first')
        self.index.wheel('second')
        one, two, three = (self.build('first'), self.build('first'),
                           self.build('second'))
        self.builder.collect([one['id']])
        self.assertTrue(os.path.exists(self.image_path(one)))
        self.assertFalse(os.path.exists(self.image_path(two)))
        self.assertFalse(os.path.exists(self.layer_path(three)))
        self.assertTrue(os.path.exists(self.layer_path(one, 'first.py')))
        self.builder.remove(one)
        self.builder.collect([])
        self.assertEqual([], os.listdir(os.path.join(self.state, 'layers')))
        self.assertEqual(self.build('second')['layer'], three['layer'])

    def test_collect_keeps_what_is_young(self):
        image = self.build()
        self.builder.collect([])
        self.assertTrue(os.path.exists(self.image_path(image)))

    def test_collect_while_building(self):
        self.options(collect_grace=0)
        self.builder = self.new_builder()
        self.index.wheel('first')
        builds = [self.new_build('first') for _ in range(6)]
        known = [build.version_id for build in builds]
        stop = threading.Event()

        def collect():
            while not stop.is_set():
                self.builder.collect(known)

        thread = threading.Thread(target=collect)
        thread.start()
        try:
            images = [self.builder.build(build, str) for build in builds]
        finally:
            stop.set()
            thread.join()
        for image in images:
            self.assertTrue(os.path.exists(self.layer_path(image,
                                                           'first.py')))

    def test_a_runtime_that_pip_is_not_for(self):
        # It is said to be old, and has to bring its own pip.
        old = dict(base.RUNTIME, version='3.5.0', name='python35')
        self.index.wheel('first')
        build = self.new_build('first')
        build.runtime = old
        try:
            image = self.builder.build(build, self.log.append)
        except exception.BuildError as error:
            self.assertEqual(FAILED, error.code)
            self.assertIn('python35 is too old', error.detail)
        else:
            self.assertTrue(os.path.exists(self.layer_path(image,
                                                           'first.py')))

    def test_one_build_is_not_done_twice_at_once(self):
        self.index.sdist('first', code=FOREVER)
        build = self.new_build('first')
        seen = threading.Event()

        def log(line):
            seen.set()

        def run():
            try:
                self.builder.build(build, log)
            except exception.BuildError:
                pass

        thread = threading.Thread(target=run)
        thread.start()
        seen.wait(60)
        again = driver.Build(build.build_id, build.version_id, base.RUNTIME,
                             base.MAIN)
        self.assertRaises(exception.SandboxError, self.builder.build, again,
                          str)
        self.builder.cancel(build.build_id)
        thread.join()
        self.assertNothingHalfMade()


class TestNoSandbox(base.BuilderTestCase):
    """Where there is no bubblewrap there are plain processes."""

    def new_builder(self):
        self.conf.set_override('isolation', 'none', group='process')
        return super().new_builder()

    def setUp(self):
        super().setUp()
        if os.getuid() == 0 and not reachable(base.interpreter()):
            self.skipTest('other users cannot run this interpreter')

    def test_wheels_and_source(self):
        self.index.sdist('first', code='FILES["first.py"] = "x = 1\\n"')
        self.index.wheel('second')
        image = self.build('first\nsecond')
        self.assertEqual('x = 1\n', self.read_layer(image, 'first.py'))
        self.assertTrue(os.path.exists(self.layer_path(image, 'second.py')))
        self.assertNothingHalfMade()

    def test_syntax_error(self):
        self.assertEqual('new_module.py, line 1: invalid syntax',
                         self.refused('build.syntax_error', module='x y'))

    def test_it_never_ends(self):
        mark = uuid.uuid4().hex
        self.options(timeout=8)
        self.index.sdist('first', code='''
            import subprocess, sys
            subprocess.Popen([sys.executable, "-c",
                              "import time; time.sleep(10000)", "%s"],
                             start_new_session=True)
            while True:
                pass
            ''' % mark)
        self.refused('build.timeout', 'first')
        if os.getuid() == 0:
            self.assertEqual([], processes_with(mark))


def reachable(path):
    """Whether users that own nothing may get at a path."""
    while path != '/':
        if not os.stat(path).st_mode & 0o001:
            return False
        path = os.path.dirname(path)
    return True
