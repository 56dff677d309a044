# SPDX-License-Identifier: Apache-2.0
"""What can be said of the docker driver without an engine; the rest is in
integration/docker."""

import json
import os
import threading

from pratai import conf as configuration
from pratai import exception
from pratai.drivers import docker_engine
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import container
from pratai.drivers.runtime import docker
from pratai.drivers.runtime import docker_network
from pratai.drivers.runtime import docker_runtimes
from pratai.drivers.runtime import seccomp
from pratai.tests import base

LABEL = docker_engine.LABEL


class TestRuntimes(base.TestCase):

    def image(self, tags, **labels):
        return {'Id': 'sha256:' + 'a' * 64, 'Created': 1, 'RepoTags': tags,
                'Labels': {LABEL + name: value
                           for name, value in labels.items()}}

    def test_table(self):
        labels = {'runtime': 'python27', 'language': 'python',
                  'version': '2.7.18', 'description': 'Old'}
        for tags, expected in [
            (['pratai/runtime/python27:1'], True),
            (['registry:5000/pratai/runtime/python27:1'], True),
            (['x:1', 'pratai/runtime/python27:1'], True),
            # Made from it, and so with its labels.
            (['pratai/function/0:latest'], False),
            (['pratai/layer/0:latest'], False),
            (['pratai/runtime/python272:1'], False),
            (['notpratai/runtime/python27:1'], False),
            (None, False), ([], False),
        ]:
            found = docker_runtimes.runtime_of(self.image(tags, **labels))
            self.assertEqual(expected, found is not None, tags)
        found = docker_runtimes.runtime_of(self.image(
            ['pratai/runtime/python27:1'], **labels))
        self.assertEqual(
            {'name': 'python27', 'language': 'python', 'version': '2.7.18',
             'description': 'Old', 'fingerprint': 'a' * 32,
             'properties': {
                 'image': 'sha256:' + 'a' * 64,
                 'reference': 'pratai/runtime/python27:1',
                 'interpreter': 'python2.7',
                 'flags': ['-E', '-s', '-S', '-B']}}, found)

    def test_no_labels(self):
        self.assertIsNone(docker_runtimes.runtime_of({
            'Id': 'sha256:0', 'Labels': None, 'RepoTags': ['x:1']}))

    def test_interpreter_of_its_own(self):
        found = docker_runtimes.runtime_of(self.image(
            ['pratai/runtime/mine:1'], runtime='mine', language='python',
            version='3.12.1', interpreter='/opt/bin/python'))
        self.assertEqual('/opt/bin/python',
                         found['properties']['interpreter'])

    def test_other_languages_bring_their_runner(self):
        found = docker_runtimes.runtime_of(self.image(
            ['pratai/runtime/lua:1'], runtime='lua', language='lua'))
        self.assertIsNone(found['properties']['interpreter'])


class TestProblems(base.TestCase):

    INFO = {'MemoryLimit': True, 'SwapLimit': True, 'CpuCfsQuota': True,
            'PidsLimit': True, 'SecurityOptions': ['name=seccomp,profile=x'],
            'Runtimes': {'runc': {}}}

    def test_table(self):
        for change, oci_runtime, words in [
            ({}, '', []), ({}, 'runc', []),
            ({'MemoryLimit': False}, '', ['memory']),
            ({'SwapLimit': None}, '', ['swap']),
            ({'PidsLimit': False, 'CpuCfsQuota': False}, '',
             ['processor', 'processes']),
            ({'SecurityOptions': []}, '', ['seccomp']),
            ({'SecurityOptions': None}, '', ['seccomp']),
            ({}, 'runsc', ['no OCI runtime "runsc", but runc']),
        ]:
            found = docker_engine.problems(dict(self.INFO, **change),
                                           oci_runtime)
            self.assertEqual(len(words), len(found), found)
            for word, sentence in zip(words, found):
                self.assertIn(word, sentence)


class TestConfig(base.TestCase):

    def make(self, network=None, **spec):
        spec = runtime_base.Spec(
            'i', '/r', {'reference': 'x:1'},
            {'properties': {'command': ['python3']}}, **spec)
        return container.Config(self.conf, 'node', '/runner', '/hosts').make(
            spec, 1900000001, network)

    def test_always(self):
        for network in (None, 'n'):
            config = self.make(network)
            host = config['HostConfig']
            self.assertEqual('1900000001:1900000001', config['User'])
            self.assertTrue(host['ReadonlyRootfs'])
            self.assertEqual(['ALL'], host['CapDrop'])
            self.assertEqual('no-new-privileges', host['SecurityOpt'][0])
            self.assertEqual(host['Memory'], host['MemorySwap'])
            self.assertEqual([True], list({mount['ReadOnly']
                                           for mount in host['Mounts']}))
            self.assertEqual(network is None, config['NetworkDisabled'])
            self.assertNotIn('Privileged', host)

    def test_seccomp(self):
        config = container.Config(self.conf, 'node', '/runner', '/hosts')
        path = os.path.join(self.state_path, 'profile')
        with open(path, 'w') as f:
            f.write('{"own": 1}')
        for option, version, expected in [
            ('auto', '', 'seccomp={"def'), ('auto', '20.10.24', 'seccomp={'),
            ('auto', '24.0.7', 'seccomp={'), ('auto', '25.0.0', None),
            ('auto', '29.1', None), ('engine', '20.10', None),
            ('pratai', '29.1', 'seccomp={"def'),
            (path, '29.1', 'seccomp={"own": 1}'),
        ]:
            self.conf.set_override('seccomp_profile', option, 'docker')
            config.set_engine(version)
            self.assertEqual(1 + (expected is not None),
                             len(config.security), option)
            if expected:
                self.assertTrue(config.security[1].startswith(expected))
        self.conf.set_override('seccomp_profile', '/nowhere', 'docker')
        self.assertRaises(exception.SandboxError, config.set_engine, '')

    def test_profile_says_what_the_filter_says(self):
        profile = json.loads(json.dumps(seccomp.docker_profile()))
        named = {name for rule in profile['syscalls']
                 for name in rule['names']}
        self.assertEqual(set(seccomp.REFUSED) | {
            'clone', 'clone3', 'ioctl', 'socket', 'personality'}, named)
        families = {argument['value'] for rule in profile['syscalls']
                    if rule['names'] == ['socket']
                    for argument in rule['args']
                    if argument['op'] == 'SCMP_CMP_EQ'}
        self.assertEqual(set(range(17)) - set(seccomp.FAMILIES), families)


class TestRules(base.TestCase):
    """Rules are compared with what iptables-save prints."""

    DOCKER = [':INPUT ACCEPT [0:0]', ':FORWARD DROP [0:0]',
              ':DOCKER-USER - [0:0]', '-A FORWARD -j DOCKER-USER',
              '-A DOCKER-USER -j RETURN']
    IN = ['-A PRATAI-k-IN ' + docker_network.REFUSE]
    OUT = ['-A PRATAI-k-FWD -o pt-k ' + docker_network.REFUSE,
           '-A PRATAI-k-FWD -d 169.254.0.0/16 ' + docker_network.REFUSE]
    JUMP_IN = '-A INPUT -i pt-k -j PRATAI-k-IN'
    JUMP_OUT = '-A DOCKER-USER -i pt-k -j PRATAI-k-FWD'
    ALL = [':PRATAI-k-IN - [0:0]', ':PRATAI-k-FWD - [1:2]', JUMP_IN,
           JUMP_OUT] + DOCKER + IN + OUT

    def changes(self, present):
        return docker_network.changes(present, 'pt-k', 'k',
                                      ['169.254.0.0/16']).splitlines()

    def test_all_is_well(self):
        self.assertEqual([], self.changes(self.ALL))

    def test_nothing_is_there(self):
        self.assertEqual(
            ['*filter', ':PRATAI-k-IN - [0:0]', *self.IN,
             '-I INPUT -i pt-k -j PRATAI-k-IN', ':PRATAI-k-FWD - [0:0]',
             *self.OUT, '-I DOCKER-USER -i pt-k -j PRATAI-k-FWD', 'COMMIT'],
            self.changes(self.DOCKER))

    def test_something_came_before(self):
        for line in ('-A INPUT -j ACCEPT', '-A INPUT -i pt-k -j ACCEPT'):
            self.assertEqual(
                ['*filter', '-D INPUT -i pt-k -j PRATAI-k-IN',
                 '-I INPUT -i pt-k -j PRATAI-k-IN', 'COMMIT'],
                self.changes([line] + self.ALL))

    def test_chain_was_changed(self):
        for change in (lambda lines: lines.remove(self.OUT[1]),
                       lambda lines: lines.insert(
                           0, '-A PRATAI-k-FWD -j ACCEPT')):
            present = list(self.ALL)
            change(present)
            self.assertEqual(
                ['*filter', ':PRATAI-k-FWD - [0:0]', *self.OUT, 'COMMIT'],
                self.changes(present))

    def test_chain_of_docker_is_not_used(self):
        for present in ([], [line for line in self.ALL
                             if line != '-A FORWARD -j DOCKER-USER']):
            self.assertIn('-I FORWARD -i pt-k -j PRATAI-k-FWD',
                          self.changes(present))

    def test_sixth_version_is_closed(self):
        script = docker_network.changes([], 'pt-k', 'k', None)
        self.assertIn('-A PRATAI-k-FWD ' + docker_network.REFUSE6, script)
        self.assertIn('-A PRATAI-k-IN ' + docker_network.REFUSE6, script)


class TestIdentity(base.TestCase):

    def test_many_agree(self):
        found = []
        threads = [threading.Thread(target=lambda: found.append(
            docker_engine.identity(self.state_path))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(8, len(found))
        self.assertEqual(1, len(set(found)))
        self.assertEqual(32, len(found[0]))
        self.assertEqual(['identity'], os.listdir(self.state_path))

    def test_others_differ(self):
        other = configuration.new(files=[])
        other.set_override('state_path',
                           os.path.join(self.state_path, 'other'))
        self.assertNotEqual(docker_engine.identity(self.state_path),
                            docker_engine.identity(other.state_path))


class TestWithoutEngine(base.TestCase):

    def test_said_and_not_fatal(self):
        self.conf.set_override(
            'url', 'unix://%s/none.sock' % self.state_path, 'docker')
        driver = docker.DockerDriver(self.conf)
        error = self.assertRaises(exception.EngineUnavailable,
                                  driver.runtimes)
        self.assertIn('there is no such socket', error.detail)
        driver.reconcile()
        self.assertIn(error.detail, driver.describe()['warnings'])
