# SPDX-License-Identifier: Apache-2.0

import os
import threading

import fixtures

from pratai.drivers.builder import cache
from pratai.drivers.builder import files
from pratai.tests.unit.drivers.builder import base
from pratai.tests.unit.drivers.builder import server

NAME = '1' * 56
FOLDER = 'http-v2/1/1/1/1/1'


class TestCache(base.TestCase):

    def setUp(self):
        super().setUp()
        self.cache = cache.Cache(self.conf)
        self.view = os.path.join(self.folder, 'view')

    def write(self, root, *names, content='x'):
        path = os.path.join(root, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as target:
            target.write(content)
        return path

    def found(self, root):
        return sorted(os.path.relpath(os.path.join(folder, name), root)
                      for folder, _, names in os.walk(root) for name in names)

    def take_back(self):
        self.cache.take_back(self.view)

    def test_what_was_added_is_taken_over(self):
        old = self.write(self.cache.downloads, FOLDER, NAME)
        self.cache.lend(self.view)
        self.assertTrue(os.path.samefile(
            old, os.path.join(self.view, FOLDER, NAME)))
        self.write(self.view, FOLDER, NAME + '.body', content='new')
        self.take_back()
        self.assertEqual([FOLDER + '/' + NAME, FOLDER + '/' + NAME + '.body'],
                         self.found(self.cache.downloads))

    def test_what_was_replaced_is_taken_over(self):
        path = self.write(self.cache.downloads, FOLDER, NAME)
        self.cache.lend(self.view)
        lent = os.path.join(self.view, FOLDER, NAME)
        os.unlink(lent)
        self.write(lent, content='new')
        self.take_back()
        with open(path) as source:
            self.assertEqual('new', source.read())

    def test_only_downloads_are_taken_over(self):
        self.cache.lend(self.view)
        self.write(self.view, 'wheels', '12', 'x.whl')
        self.write(self.view, 'selfcheck', NAME)
        self.write(self.view, FOLDER, 'other')
        self.write(self.view, 'http-v2/' + '1/' * 12 + NAME)
        os.symlink('/etc/passwd', os.path.join(self.view, FOLDER, '2' * 56))
        os.symlink('/etc', os.path.join(self.view, 'http-v9'))
        self.take_back()
        self.assertEqual([], self.found(self.cache.downloads))

    def test_unpacked(self):
        wheel = self.write(self.folder, 'x.whl', content='a wheel')
        path = self.cache.unpacked(wheel, 'python')
        self.assertFalse(os.path.exists(path))
        self.write(self.folder, 'tree', 'x.py')
        self.cache.keep(os.path.join(self.folder, 'tree'), path)
        self.assertEqual(path, self.cache.unpacked(wheel, 'python'))
        self.assertNotEqual(path, self.cache.unpacked(wheel, 'other'))
        self.write(self.folder, 'tree', 'y.py')
        self.cache.keep(os.path.join(self.folder, 'tree'), path)
        self.assertEqual(['x.py'], os.listdir(path))

    def test_prune_spares_what_a_build_may_use(self):
        self.options(cache_size=0)
        self.cache = cache.Cache(self.conf)
        tree = os.path.join(self.cache.wheels, 'x')
        self.write(tree, 'x', content='x' * 300000)
        self.cache.prune()
        self.assertEqual(['x'], os.listdir(self.cache.wheels))

    def test_prune(self):
        self.options(cache_size=1)
        self.cache = cache.Cache(self.conf)
        kept = []
        for number in range(10):
            kept.append(self.write(
                self.cache.downloads, FOLDER, str(number) * 56,
                content='x' * 300000))
            os.utime(kept[-1], (1000 + number, 1000 + number))
            tree = os.path.join(self.cache.wheels, str(number))
            self.write(tree, 'x', content='x' * 300000)
            os.utime(tree, (1000 + number, 1000 + number))
        used = os.path.join(self.cache.wheels, '0')
        os.utime(used)      # as unpacked() does
        self.cache.prune()
        self.assertEqual([os.path.relpath(path, self.cache.downloads)
                          for path in kept[-3:]],
                         self.found(self.cache.downloads))
        self.assertEqual(['0', '8', '9'],
                         sorted(os.listdir(self.cache.wheels)))


class TestDownloads(base.BuilderTestCase):

    def setUp(self):
        super().setUp()
        self.server = self.useFixture(server.Server(self.index.path))
        self.options(index_url=self.server.url + '/simple')
        # pip does not keep what came without TLS, unless it is trusted.
        self.useFixture(fixtures.EnvironmentVariable(
            'PIP_TRUSTED_HOST', '127.0.0.1'))
        self.builder = self.new_builder()

    def wheels_seen(self):
        return sorted(os.path.basename(path) for path in self.server.seen
                      if path.endswith('.whl'))

    def test_a_wheel_is_downloaded_once(self):
        first = self.index.wheel('first')
        self.index.wheel('second')
        self.build('first')
        self.build('first\nsecond')
        self.build('first==1.0 --hash=sha256:' + first)
        self.assertEqual(2, len(self.wheels_seen()))
        self.assertIn('Using cached', ' '.join(self.log))

    def test_source_can_use_it_too(self):
        self.index.wheel('first')
        self.index.sdist('second', code='FILES["second.py"] = ""')
        self.build('first')
        self.log.clear()
        self.build('first\nsecond')
        self.assertEqual(1, len(self.wheels_seen()))
        self.assertIn('Using cached', ' '.join(self.log))

    def test_source_cannot_change_it(self):
        self.index.wheel('first')
        self.build('first')
        place = os.path.join(self.state, 'cache', 'pip')
        before = {path: os.stat(os.path.join(place, path)).st_mtime_ns
                  for path in self.cached(place)}
        self.assertNotEqual({}, before)
        self.index.sdist('second', code='''
            import os
            FILES["second.txt"] = ""
            for folder, _, names in os.walk("/build/cache"):
                for name in names + ["1" * 56]:
                    try:
                        with open(os.path.join(folder, name), "ab") as target:
                            target.write(b"poison")
                        if "http" in folder:
                            FILES["second.txt"] += name
                    except OSError:
                        pass
            ''')
        image = self.build('first\nsecond')
        if self.builder.launcher.isolation != 'none':
            self.assertEqual('', self.read_layer(image, 'second.txt'))
        self.assertEqual(before, {
            path: os.stat(os.path.join(place, path)).st_mtime_ns
            for path in self.cached(place)})

    def cached(self, place):
        return [os.path.relpath(os.path.join(folder, name), place)
                for folder, _, names in os.walk(place) for name in names]

    def test_a_server_that_is_gone(self):
        self.server.stop()
        self.useFixture(fixtures.EnvironmentVariable('PIP_RETRIES', '1'))
        self.builder = self.new_builder()
        detail = self.refused('build.requirements_failed', 'first')
        self.assertIn('index could not be reached', detail)

    def test_the_cache_is_used_while_others_build(self):
        for number in range(3):
            self.index.wheel('package%d' % number)
        threads = [threading.Thread(
            target=self.builder.build,
            args=(self.new_build('package%d' % number), str))
            for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.build('package0\npackage1\npackage2')
        self.assertEqual(3, len(self.wheels_seen()))
        files.remove(os.path.join(self.state, 'cache', 'pip'))
