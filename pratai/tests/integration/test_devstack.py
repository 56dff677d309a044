# SPDX-License-Identifier: Apache-2.0
"""The phases of DevStack's plugin; see :mod:`devstack`."""

import io
import json
import os
import subprocess
import sys
import tarfile

from docker import errors as docker_errors
import fixtures
import requests

from pratai.drivers import docker_engine
from pratai.drivers.runtime import docker_network
from pratai.runtimes import images
from pratai.tests import base as unit
from pratai.tests.functional import standalone
from pratai.tests.integration import base
from pratai.tests.integration import daemon
from pratai.tests.integration import databases
from pratai.tests.integration import devstack
from pratai.tests.integration import engine
from pratai.tests.integration import keeper
from pratai.tests.integration import rabbitmq
from pratai.tests.integration import small
from pratai.tests.integration.keystone import server

SERVICES = ['pratai-api', 'pratai-conductor', 'pratai-executor',
            'pratai-webhook']


class TestPlugin(base.TestCase):

    def setUp(self):
        super().setUp()
        self.devstack = self.useFixture(devstack.DevStack())
        self.etc = self.devstack.path('etc')
        self.file = os.path.join(self.etc, 'pratai.conf')
        self.url = 'http://127.0.0.1:%d' % self.devstack.api
        self.webhook_url = 'http://127.0.0.1:%d' % self.devstack.webhook

    def test_stack(self):
        calls = self.devstack.run('stack')
        self._configuration()
        self._accounts(calls)
        self._processes(calls)
        self._order(calls)

    def _configuration(self):
        conf = self.devstack.conf()
        self.assertEqual(self.devstack.path('data', 'pratai'),
                         conf.state_path)
        self.assertIs(True, conf.debug)
        self.assertEqual('sqlite:///%s/pratai.sqlite' % self.devstack.dest,
                         conf.database.connection)
        self.assertEqual(self.webhook_url, conf.webhook.public_url)
        self.assertEqual(['127.0.0.0/8', '::1/128', '127.0.0.1/32'],
                         conf.webhook.trusted_networks)
        self.assertEqual(('docker', 'docker'), (
            conf.executor.runtime_driver, conf.builder.driver))
        self.assertEqual(('127.0.0.1', self.devstack.data), (
            conf.executor.data_host, conf.executor.data_port))
        with open(self.file) as file:
            text = file.read()
        self.assertIn('transport_url = rabbit://127.0.0.1:1/\n', text)
        self.assertIn('username = pratai\n', text)
        with open(self.devstack.path('tempest.conf')) as file:
            self.assertIn('[service_available]\npratai = True\n', file.read())

    def _accounts(self, calls):
        self.assertEqual([['pratai', 'admin']],
                         calls.named('create_service_user'))
        self.assertEqual([['pratai', 'function', 'Functions as a service']],
                         calls.named('get_or_create_service'))
        self.assertEqual(
            [['function', 'RegionOne', interface, self.url]
             for interface in ('public', 'admin', 'internal')],
            calls.named('endpoint'))

    def _processes(self, calls):
        programs = self.devstack.path('bin')
        uwsgi = '%s/uwsgi --procname-prefix %s --ini %s/%s-uwsgi.ini'
        environment = 'OS_PRATAI_CONFIG_FILES=' + self.file
        self.assertEqual({
            'pratai-conductor': ['%s/pratai-conductor --config-file %s' % (
                programs, self.file)],
            'pratai-executor': ['%s/pratai-executor --config-file %s' % (
                programs, self.file), '', 'root'],
            **{name: [uwsgi % (programs, name, self.etc, name), '', '',
                      environment]
               for name in ('pratai-api', 'pratai-webhook')}},
            {call[0]: call[1:] for call in calls.named('run_process')})
        self.assertEqual(
            [['--config-file', self.file, 'db', 'sync'],
             ['--config-file', self.file, 'runtime', 'build', 'python311']],
            calls.named('pratai-manage'))

    def _order(self, calls):
        """Nothing is started before there is what it needs."""
        order = [call[0] for call in calls]
        last = len(order) - 1 - order[::-1].index('pratai-manage')
        self.assertLess(order.index('recreate_database'),
                        order.index('pratai-manage'))
        self.assertLess(last, order.index('run_process'))
        self.assertEqual(
            [['120', self.url + '/healthcheck'],
             ['120', self.webhook_url + '/healthcheck']],
            calls.named('wait_for_service'))

    def test_second_node(self):
        self.devstack = self.useFixture(devstack.DevStack(
            'disable_all_services\n'
            'disable_service pratai-api pratai-webhook pratai-conductor\n'
            'PRATAI_DRIVER=process\n'))
        calls = self.devstack.run('stack')
        self.assertEqual(['pratai-executor'], [
            call[0] for call in calls.named('run_process')])
        self.assertEqual([['bubblewrap']], calls.named('install_package'))
        for name in ('recreate_database', 'create_service_user', 'endpoint',
                     'pratai-manage', 'pip_install', 'wait_for_service'):
            self.assertEqual([], calls.named(name))
        self.assertEqual(['pratai.conf'], os.listdir(
            self.devstack.path('etc')))
        conf = self.devstack.conf()
        self.assertEqual('process', conf.executor.runtime_driver)
        with open(self.devstack.path('etc', 'pratai.conf')) as file:
            self.assertNotIn('connection =', file.read())
        self.assertEqual(['pratai-executor'], [
            call[0] for call in self.devstack.run('unstack').named(
                'stop_process')])

    def test_unknown_driver(self):
        self.devstack = self.useFixture(devstack.DevStack(
            'PRATAI_DRIVER=podman\n'))
        error = self.assertRaises(AssertionError, self.devstack.run, 'stack')
        self.assertIn('There is no PRATAI_DRIVER podman', str(error))

    def test_unstack_and_clean(self):
        self.devstack = self.useFixture(devstack.DevStack(
            'PRATAI_DRIVER=process\n'))
        before = set(os.listdir(self.devstack.dest))
        started = self.devstack.run('stack').named('run_process')
        self.assertEqual(SERVICES, sorted(call[0] for call in started))
        policy = self.devstack.path('etc', 'policy.yaml')
        open(policy, 'w').close()
        self.assertIn('packages', os.listdir(
            self.devstack.path('data', 'pratai')))
        stopped = self.devstack.run('unstack').named('stop_process')
        self.assertEqual(SERVICES, sorted(call[0] for call in stopped))
        self.devstack.run('clean')
        # What others put there is left.
        self.assertEqual(['policy.yaml'], os.listdir(
            self.devstack.path('etc')))
        os.unlink(policy)
        self.devstack.run('clean')
        self.assertEqual([], os.listdir(self.devstack.path('data')))
        self.assertEqual(
            # DevStack's own, and its database.
            {'calls', 'data', 'tempest.conf', 'pratai.sqlite'},
            set(os.listdir(self.devstack.dest)) - before)


class TestStack(base.TestCase):
    """A function runs on what stack.sh has left, and nothing is left of it.
    """

    NEEDS = (server.Cloud, rabbitmq.RabbitMQ, databases.MariaDB,
             small.Memcached)

    def setUp(self):
        super().setUp()
        self.keystone = self.shared(server.Cloud)
        self.devstack = self.useFixture(devstack.DevStack(
            'PRATAI_DRIVER=process\n', {
                'KEEPER': '%s -I -S %s' % (sys.executable, keeper.__file__),
                'DATABASE': self.shared(databases.MariaDB).database(),
                'TRANSPORT': self.shared(rabbitmq.RabbitMQ).vhost(),
                'KEYSTONE': self.keystone.root,
                'SERVICE_PASSWORD': self.keystone.password,
                'MEMCACHE_SERVERS': self.useFixture(
                    small.Memcached()).address,
                # Of other tests, which may run at this moment.
                'POST_CONFIG': 'process uid_first 1920000000\n'
                'process cgroup_parent /pratai-test/devstack-%d\n'
                'process interpreters %s' % (
                    os.getpid(), sys._base_executable)}))
        self.addOnException(lambda error: self.addDetail(
            'services', base.text(self._logs())))
        self.http = requests.Session()
        self.http.trust_env = False
        self.addCleanup(self.http.close)

    def _logs(self):
        found = ''
        for name in SERVICES:
            path = self.devstack.path(name + '.log')
            if os.path.exists(path):
                with open(path, errors='replace') as file:
                    found += '== %s\n%s\n' % (name, file.read()[-3000:])
        return found

    def _pids(self):
        found = []
        for name in SERVICES:
            with open(self.devstack.path(name + '.pid')) as file:
                found.append(int(file.read()))
        return found

    def test_a_function_runs(self):
        self.devstack.run('stack')
        self._call()
        pids = self._pids()
        self.assertEqual([True] * 4, [
            os.path.exists('/proc/%d' % pid) for pid in pids])
        self.devstack.run('unstack')
        self.assertEqual([False] * 4, [
            os.path.exists('/proc/%d' % pid) for pid in pids])
        self.assertRaises(requests.ConnectionError, self.http.get,
                          'http://127.0.0.1:%d/' % self.devstack.api)
        self.devstack.run('clean')
        self.assertEqual([], os.listdir(self.devstack.path('data')))
        self.assertFalse(os.path.exists(self.devstack.path('etc')))

    def _call(self):
        url = 'http://127.0.0.1:%d/v1/functions' % self.devstack.api
        self.assertEqual(401, self.http.get(url).status_code)
        self.http.headers['X-Auth-Token'] = self.keystone.token('member')

        def create():
            return self.http.post(url, files={
                'metadata': (
                    None, json.dumps({'name': 'echo', 'type': 'sync'}),
                    'application/json'),
                'zip_file': ('p.zip', standalone.package(
                    'def main(payload):\n    return payload\n'))})

        # Stacking does not wait for executors.
        made = daemon.until(create).json()

        def function():
            return self.http.get('%s/%s' % (url, made['id'])).json()

        daemon.until(lambda: function()['status'] != 'building')
        self.assertEqual('inactive', function()['status'], function())
        # Where callers are told that it is.
        self.assertEqual('http://127.0.0.1:%d/function/%s' % (
            self.devstack.webhook, made['id']), function()['endpoint'])
        done = self.http.post(function()['endpoint'],
                              json={'payload': {'x': [1, None]}})
        self.assertEqual((200, {'x': [1, None]}),
                         (done.status_code, done.json()), done.text)


class TestCleanDocker(unit.TestCase):
    """What Pratai made on an engine, and in the firewall."""

    def setUp(self):
        super().setUp()
        base.cannot(self, engine.why_not())
        self.useFixture(fixtures.FakeLogger())
        self.server = self.useFixture(engine.Engine(network=True))
        inside = self.server.inside()
        inside.__enter__()
        self.addCleanup(inside.__exit__, None, None, None)
        self.engine = docker_engine.Engine(self.server.url, 60)
        self.api = self.engine.api
        self.addCleanup(self.api.close)
        self.devstack = self.useFixture(devstack.DevStack())

    def image(self, name, base, **labels):
        """:returns: name of an image that has something of its own."""
        for message in self.api.build(
                fileobj=io.BytesIO(b'FROM %s\nENV NAME=%s\n' % (
                    base.encode(), name.encode())),
                tag=name, labels=labels, rm=True, decode=True):
            self.assertNotIn('error', message)
        return name

    def make(self):
        """All kinds of things that Pratai makes, and a few of others."""
        path = self.devstack.path('base.tar')
        with tarfile.open(path, 'w') as tar:
            tar.addfile(tarfile.TarInfo('file'))
        made = images.Images(self.engine, say=lambda line: None)
        base = made.import_base('bookworm', path)
        label = docker_engine.LABEL
        runtime = self.image('runtime', base, **{
            label + 'kind': 'runtime', label + 'runtime': 'python311'})
        made.tag('python311', runtime)
        function = self.image('pratai/function/one', runtime, **{
            label + 'kind': 'function', docker_engine.NODE: 'n' * 32})
        self.image('pratai/layer/one', function, **{
            label + 'kind': 'layer', docker_engine.NODE: 'n' * 32})
        self.api.create_container(function, ['true'], labels={
            docker_engine.NODE: 'n' * 32})
        docker_network.Network(self.conf, self.engine, 'n' * 32).ensure()

        self.api.import_image_from_file(path, 'other', 'latest')
        self.api.create_container('other', ['true'])
        self.api.create_network('other')
        self.run_('iptables', '-I', 'INPUT', '-p', 'tcp', '--dport', '9',
                  '-j', 'DROP')

    def run_(self, *command):
        """:returns: what a program prints."""
        return subprocess.run(
            command, env=dict(os.environ, PATH=docker_network.PATH),
            check=True, text=True, stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL, timeout=60).stdout

    def rules(self):
        """:returns: the firewall, IPv4 and IPv6."""
        return [line for program in ('iptables-save', 'ip6tables-save')
                for line in self.run_(program, '-t', 'filter').splitlines()
                if line[:1] in ':-']

    def names(self):
        """:returns: all images, containers and networks."""
        return {
            'images': sorted(name for one in self.api.images(all=True)
                             for name in one['RepoTags'] or ['-']),
            'containers': sorted(one['Image'] for one
                                 in self.api.containers(all=True)),
            'networks': sorted(one['Name'] for one in self.api.networks())}

    def clean(self):
        self.devstack.run('clean', path=docker_network.PATH,
                          DOCKER_HOST=self.server.url)

    def test_clean(self):
        self.make()
        made = self.names()
        self.assertIn('pratai/runtime/python311:latest', made['images'])
        self.assertIn('pratai-' + 'n' * 12, made['networks'])
        rules = self.rules()
        self.assertEqual(8, len([line for line in rules
                                 if 'PRATAI-' in line and line[0] == '-'
                                 and '-j REJECT' not in line] +
                                [line for line in rules
                                 if line.startswith(':PRATAI-')]))
        self.clean()
        self.assertEqual({
            'images': ['other:latest'], 'containers': ['other'],
            'networks': ['host', 'none', 'other']}, self.names())
        left = self.rules()
        self.assertEqual([], [line for line in left if 'PRATAI' in line])
        self.assertIn('-A INPUT -p tcp -m tcp --dport 9 -j DROP', left)
        # And once more, where there is nothing.
        self.clean()
        self.assertRaises(docker_errors.NotFound, self.api.inspect_image,
                          'pratai/base/bookworm')
