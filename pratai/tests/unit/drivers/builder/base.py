# SPDX-License-Identifier: Apache-2.0

import os
import platform
import sys
import tempfile
import threading
import uuid

import fixtures
import testtools

from pratai import conf
from pratai import exception
from pratai.drivers.builder import base
from pratai.drivers.builder import files
from pratai.drivers.builder import process
from pratai.tests.unit.drivers.builder import index

MAIN = 'def main(payload=None):\n    return payload\n'
RUNTIME = {
    'name': 'python3', 'language': 'python', 'fingerprint': sys.version,
    'version': platform.python_version(),
    'properties': {}}


def interpreter():
    """:returns: the interpreter that a virtual environment was made of."""
    path = getattr(sys, '_base_executable', None) or sys.executable
    return os.path.realpath(path)


RUNTIME['properties'] = {'interpreter': interpreter(),
                         'prefix': sys.base_prefix,
                         'prefixes': [os.path.realpath(sys.base_prefix)]}


class TestCase(testtools.TestCase):
    """Has a configuration, with a state directory of its own."""

    def setUp(self):
        super().setUp()
        # NOTE: not a fixture of ours to remove: strange trees are made here.
        self.folder = tempfile.mkdtemp(prefix='pratai-test-')
        self.addCleanup(files.remove, self.folder)
        os.chmod(self.folder, 0o755)
        self.conf = conf.new(files=[])
        self.state = os.path.join(self.folder, 'state')
        self.conf.set_override('state_path', self.state)
        self.options(min_free=0)

    def options(self, **values):
        for name, value in values.items():
            self.conf.set_override(name, value, group='builder')

    def new_build(self, requirements='', module=MAIN, **values):
        return base.Build(
            build_id=uuid.uuid4().hex, version_id=uuid.uuid4().hex,
            runtime=RUNTIME, module=module, requirements=requirements,
            **values)


class BuilderTestCase(TestCase):
    """Has a real builder, and an index with the packages that a test adds."""

    # What every builder makes once a node, made once a test process.
    programs = None
    lock = threading.Lock()

    def setUp(self):
        super().setUp()
        self.index = index.Index(os.path.join(self.folder, 'index'))
        self.options(index_url=self.index.url)
        # Reading the node's own configuration of pip has tests of its own.
        self.useFixture(fixtures.EnvironmentVariable(
            'PIP_CONFIG_FILE', os.devnull))
        self.log = []
        self.builder = self.new_builder()
        self.provide_programs()

    def new_builder(self):
        return process.ProcessBuilder(self.conf, None)

    def provide_programs(self):
        place = os.path.join('cache', 'programs')
        with BuilderTestCase.lock:
            if BuilderTestCase.programs is None:
                made = tempfile.TemporaryDirectory()
                os.chmod(made.name, 0o755)
                self.index.wheel('programs')
                self.conf.set_override('state_path', made.name)
                self.new_builder().build(self.new_build('programs'), str)
                self.conf.set_override('state_path', self.state)
                BuilderTestCase.programs = made
        files.link_tree(os.path.join(BuilderTestCase.programs.name, place),
                        os.path.join(self.state, place))

    def build(self, requirements='', **values):
        """:returns: the image."""
        build = self.new_build(requirements, **values)
        return self.builder.build(build, self.log.append)

    def refused(self, code, requirements='', error=None, **values):
        """:returns: detail of the error that a build ends with."""
        error = self.assertRaises(error or exception.BuildError, self.build,
                                  requirements, **values)
        self.assertEqual(code, error.code, error.detail)
        self.assertEqual(1, len(error.detail.splitlines()))
        self.assertEqual([], os.listdir(os.path.join(self.state, 'images')))
        self.assertNothingHalfMade()
        return error.detail

    def assertNothingHalfMade(self):
        self.assertEqual([], os.listdir(os.path.join(self.state, 'builds')))
        for name in os.listdir(os.path.join(self.state, 'layers')):
            self.assertEqual(64, len(name))

    def image_path(self, image, *names):
        return os.path.join(self.state, 'images', image['id'], *names)

    def layer_path(self, image, *names):
        return os.path.join(self.state, 'layers', image['layer'], *names)

    def read_layer(self, image, *names):
        with open(self.layer_path(image, *names)) as source:
            return source.read()


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


def reachable(path):
    """Whether users that own nothing may get at a path."""
    while os.stat(path).st_mode & 0o001:
        if path == '/':
            return True
        path = os.path.dirname(path)
    return False
