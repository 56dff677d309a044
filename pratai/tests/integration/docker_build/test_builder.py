# SPDX-License-Identifier: Apache-2.0

from concurrent import futures
import os
import threading
import uuid

from pratai import exception
from pratai.drivers.builder import docker as docker_builder
from pratai.drivers.runtime import docker as docker_driver
from pratai.tests.integration.docker_build import base

LOOK = ('import os, sys; sys.path[:0] = ["/function", "/deps"]; '
        'import first, new_module; '
        'print(new_module.main(first.version), first.__file__, '
        'os.path.exists("/function/__pycache__"))')


class TestBuilder(base.BuilderTestCase):

    def test_without_dependencies(self):
        image = self.build(module='def main(p):\n    return p * 2\n')
        self.assertEqual(
            {'driver': 'docker', 'id': image['id'], 'layer': None,
             'reference': 'pratai/function/%s:latest' % image['id']}, image)
        said = self.run_in(image, 'python3', '-c',
                           LOOK.replace('first.version', '21').replace(
                               'first, ', '').replace('first.__file__', '1'))
        self.assertEqual('42 1 True', said.strip())
        self.assertEqual([], self.containers())

    def test_with_dependencies(self):
        self.index.wheel('first', requires=['second'])
        self.index.wheel('second')
        image = self.build('first\n')
        said = self.run_in(image, 'python3', '-c', LOOK)
        self.assertEqual('1.0 /deps/first.py True', said.strip())
        self.assertIn('Successfully downloaded first second',
                      '\n'.join(self.log))
        self.assertEqual(['pratai/layer/%s:latest' % image['layer']],
                         self.images('layer'))

    def test_equal_requirements_share_a_layer(self):
        self.index.wheel('first')
        one = self.build('first\n')
        del self.log[:]
        two = self.build('# the same\nFIRST\n')
        self.assertEqual(one['layer'], two['layer'])
        self.assertEqual(['The dependencies are there already.'], self.log)

    def test_equal_requirements_at_once_are_installed_once(self):
        self.index.wheel('first')
        logs = [[] for _ in range(3)]
        with futures.ThreadPoolExecutor(3) as pool:
            made = list(pool.map(
                lambda log: self.builder.build(self.new_build('first'),
                                               log.append), logs))
        self.assertEqual(1, len({image['layer'] for image in made}))
        self.assertEqual(1, sum('Successfully' in line
                                for log in logs for line in log))
        self.assertEqual(3, len(self.images('function')))

    def test_what_installing_may_do(self):
        """As any function: nothing."""
        self.index.sdist('nosy', code='''
            import socket
            status = open('/proc/self/status').read()
            lines = dict(line.split(':', 1) for line in status.splitlines())
            def can(path):
                try:
                    open(path, 'w')
                    return True
                except OSError:
                    return False
            def connects(address):
                try:
                    socket.create_connection(address, 3)
                    return True
                except OSError:
                    return False
            FILES['nosy.py'] = 'found = ' + repr({
                'caps': lines['CapBnd'].strip() + lines['CapEff'].strip(),
                'privileges': lines['NoNewPrivs'].strip(),
                'seccomp': lines['Seccomp'].strip(),
                'root': os.getuid() == 0 or os.getgid() == 0,
                'writes': [path for path in (
                    '/x', '/usr/x', '/etc/passwd', '/pratai/inside.py',
                    '/function/x', '/deps/x') if can(path)],
                'engine': os.path.exists('/var/run/docker.sock'),
                'metadata': connects(('169.254.169.254', 80)),
                'programs': len([1 for pid in os.listdir('/proc')
                                 if pid.isdigit()]) < 10,
                'state': os.path.exists('STATE')})
            '''.replace('STATE', self.conf.state_path))
        image = self.build('nosy')
        said = self.run_in(image, 'python3', '-c',
                           'import sys; sys.path[:0] = ["/deps"]; '
                           'import nosy; print(nosy.found)')
        self.assertEqual({
            'caps': '0' * 32, 'privileges': '1', 'seccomp': '2',
            'root': False, 'writes': [], 'engine': False, 'metadata': False,
            'programs': True, 'state': False}, eval(said))

    def test_nobody_poisons_the_cache(self):
        """What one build writes no other one gets."""
        self.index.wheel('first')
        self.index.sdist('poison', code='''
            for folder, _, names in os.walk('/build/cache'):
                for name in names:
                    try:
                        open(os.path.join(folder, name), 'w').write('bad')
                    except OSError:
                        pass
            FILES['first.py'] = 'version = "poisoned"'
            FILES['poison.py'] = ''
            ''')
        self.build('poison\nfirst')
        image = self.build('first')
        self.assertIn('1.0', self.run_in(image, 'python3', '-c', LOOK))

    def test_cancelled(self):
        self.index.sdist(
            'endless', code='import time; print("waiting"); time.sleep(999)')
        build = self.new_build('endless')
        began = threading.Event()

        def log(line):
            if 'endless' in line:
                began.set()

        with futures.ThreadPoolExecutor(1) as pool:
            result = pool.submit(self._build_inside, build, log)
            self.assertTrue(began.wait(120))
            self.builder.cancel(build.build_id)
            error = self.assertRaises(exception.BuildError, result.result)
        self.assertEqual('build.cancelled', error.code)
        self.assertNothingLeft()

    def _build_inside(self, build, log):
        with self.server.inside():
            return self.builder.build(build, log)

    def test_removed_and_collected(self):
        self.index.wheel('first')
        self.index.wheel('second')
        kept, gone = self.build('first'), self.build('second')
        plain = self.build()
        self.builder.remove({'id': gone['id']})
        self.builder.remove({'id': gone['id']})
        self.assertEqual(sorted([kept['reference'], plain['reference']]),
                         self.images('function'))
        self.assertEqual(2, len(self.images('layer')))
        self.builder.collect([kept['id']])
        self.assertEqual([kept['reference']], self.images('function'))
        self.assertEqual(['pratai/layer/%s:latest' % kept['layer']],
                         self.images('layer'))
        self.run_in(kept, 'python3', '-c', LOOK)

    def test_others_are_left_alone(self):
        theirs = self.build()
        self.options(None, state_path=os.path.join(self.folder, 'other'))
        mine = self.new_builder()
        mine.collect([])
        self.assertEqual([theirs['reference']], self.images('function'))

    def test_young_images_are_kept(self):
        image = self.build()
        self.builder.images.grace = 600
        self.builder.collect([])
        self.assertEqual([image['reference']], self.images('function'))

    def test_a_layer_deleted_behind_our_back(self):
        self.index.wheel('first')
        image = self.build('first')
        self.api.remove_image(image['reference'])
        self.api.remove_image('pratai/layer/' + image['layer'])
        again = self.build('first')
        self.assertEqual(image['layer'], again['layer'])
        self.run_in(again, 'python3', '-c', LOOK)

    def test_a_runtime_deleted_behind_our_back(self):
        build = self.new_build()
        build.runtime = dict(build.runtime, properties=dict(
            build.runtime['properties'], image='sha256:' + '0' * 64))
        error = self.assertRaises(exception.ImageMissing, self.builder.build,
                                  build, self.log.append)
        self.assertEqual('platform.image_missing', error.code)
        self.assertNothingLeft()

    def test_containers_that_were_left(self):
        node = self.builder.runtime_driver.node
        self.api.create_container(
            'pratai/runtime/python311', labels={
                'org.openstack.pratai.kind': 'build',
                'org.openstack.pratai.node': node}, command=['-'])
        self.builder.collect([])
        self.assertEqual(1, len(self.containers()))     # may be in use
        self.builder.images.patience = 0
        self.builder.collect([])
        self.assertEqual([], self.containers())

    def test_without_an_engine(self):
        self.options('docker', url='unix:///nowhere/' + uuid.uuid4().hex)
        offered = self.offered
        builder = self.new_builder_away()
        self.offered = offered
        error = self.assertRaises(exception.EngineUnavailable, builder.build,
                                  self.new_build(), self.log.append)
        self.assertEqual('platform.engine_unavailable', error.code)
        self.assertEqual(1, len(error.detail.splitlines()))

    def new_builder_away(self):
        return docker_builder.DockerBuilder(
            self.conf, docker_driver.DockerDriver(self.conf))
