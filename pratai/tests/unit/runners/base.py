# SPDX-License-Identifier: Apache-2.0
"""Real runners, in the best sandbox that this machine has."""

import atexit
import contextlib
import glob
import os
import shutil
import tempfile
import threading
import time
import uuid

import fixtures

from pratai import conf as configuration
from pratai.drivers.runtime import base as runtime_base
from pratai.drivers.runtime import interpreters
from pratai.drivers.runtime import listening
from pratai.drivers.runtime import process
from pratai.tests import base
from pratai.tests import runner_client

HOSTILE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       'hostile.py')
# Beside those in PATH, which may be only one. Found when this is loaded,
# because tests get a home directory of their own.
MORE = [path for path in sorted(glob.glob(os.path.expanduser(
    '~/.pyenv/versions/*/bin/python[23].*')))
    if interpreters.NAME.match(os.path.basename(path))]

_LOCK = threading.Lock()
_RUNTIMES = {}


def runtimes(isolation='auto'):
    """:returns: name -> runtime, of the interpreters of this machine."""
    with _LOCK:
        if isolation not in _RUNTIMES:
            conf = configuration.new(files=[])
            # Users of sandboxes have to get there.
            state_path = tempfile.mkdtemp(prefix='pratai-', dir='/tmp')
            os.chmod(state_path, 0o711)
            # The compiled runner is in it.
            atexit.register(shutil.rmtree, state_path, ignore_errors=True)
            conf.set_override('state_path', state_path)
            conf.set_override('isolation', isolation, 'process')
            conf.set_override('interpreters', MORE + ['+'], 'process')
            driver = process.ProcessDriver(conf)
            _RUNTIMES[isolation] = {
                runtime['name']: runtime for runtime in driver.runtimes()}
        return _RUNTIMES[isolation]


def choose(which, isolation='auto'):
    """:param which: 'python27', 'oldest' or 'newest' (of Python 3).

    :returns: a runtime or None.
    """
    found = runtimes(isolation)
    if which not in ('oldest', 'newest'):
        return found.get(which)
    names = sorted((name for name in found if name.startswith('python3')),
                   key=lambda name: int(name[7:]))
    if not names:
        return None
    return found[names[0 if which == 'oldest' else -1]]


class RunnerTestCase(base.TestCase):
    """A test with instances."""

    which = 'newest'
    isolation = 'auto'

    def setUp(self):
        super().setUp()
        self.useFixture(fixtures.FakeLogger())
        self.runtime = choose(self.which, self.isolation)
        if self.runtime is None:
            self.skipTest('There is no interpreter "%s" among %s' % (
                self.which, sorted(runtimes(self.isolation))))
        # Users of sandboxes have to get there.
        self.state_path = tempfile.mkdtemp(prefix='pratai-', dir='/tmp')
        self.addCleanup(shutil.rmtree, self.state_path, ignore_errors=True)
        os.chmod(self.state_path, 0o711)
        self.conf.set_override('state_path', self.state_path)
        self.configure()
        self.driver = process.ProcessDriver(self.conf)
        self.isolated = self.driver.isolated

    def configure(self):
        self.conf.set_override('isolation', self.isolation, 'process')

    def no_groups(self):
        """:returns: why memory of an instance as a whole has no limit."""
        if not self.driver._grouped('memory'):
            return ('There are no control groups here: %s'
                    % self.driver.launcher.warnings)

    @property
    def python2(self):
        return self.runtime['version'].startswith('2')

    def image(self, source=None, deps=None):
        """Write an image.

        :param source: text of the module; None: that of hostile.py.
        :param deps: name -> text of files that it depends on.
        """
        if source is None:
            with open(HOSTILE) as f:
                source = f.read()
        image = {'driver': 'process', 'id': uuid.uuid4().hex, 'layer': None}
        files = {os.path.join('images', image['id'], 'new_module.py'): source}
        if deps is not None:
            image['layer'] = uuid.uuid4().hex
            for name, text in deps.items():
                files[os.path.join('layers', image['layer'], name)] = text
        for name, text in files.items():
            path = os.path.join(self.state_path, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w') as f:
                f.write(text)
        return image

    def instance(self, source=None, deps=None, isolation='request', spares=2,
                 max_response=1 << 20, image=None, settings=None, **spec):
        """Start an instance; it is stopped at the end of the test.

        :returns: runner_client.Instance with sandbox and spec.
        """
        spec.setdefault('concurrency', 4)
        image = image or self.image(source, deps)
        name = uuid.uuid4().hex
        run_dir = os.path.join(self.state_path, 'run', name)
        os.makedirs(run_dir, mode=0o700)
        spec = runtime_base.Spec(name, run_dir, image, self.runtime, **spec)
        started = []

        def start():
            started.append(self.driver.start(spec))
            self.addCleanup(self.driver.stop, started[0])

        configuration = dict(
            self.driver.settings(spec), module='new_module', entry='main',
            isolation=isolation, concurrency=spec.concurrency, spares=spares,
            max_response=max_response)
        configuration.update(settings or {})
        try:
            instance = runner_client.Instance(run_dir, start, configuration,
                                              self.listener(run_dir))
        except Exception as e:
            said = started and self.driver.inspect(started[0])
            raise AssertionError('no instance: %r, %r' % (e, said)) from e
        self.addCleanup(instance.close)
        instance.sandbox, instance.spec = started[0], spec
        return instance

    def listener(self, run_dir):
        """:returns: what to send to the runner, if it gets it so."""
        if not self.driver.sends_listener:
            return None
        listener = listening.listen(run_dir)
        self.addCleanup(listener.close)
        return listener

    def ready(self, *args, **kwargs):
        """As instance(), and it has to work."""
        instance = self.instance(*args, **kwargs)
        self.assertEqual('ready', instance.header['type'],
                         (instance.header, instance.text))
        return instance

    def do(self, instance, name, **arguments):
        """Run one of hostile.py."""
        return instance.request(dict(arguments, do=name))

    def begin(self, instance, name, **arguments):
        """Start to run one of hostile.py.

        :returns: runner_client.Request.
        """
        request = runner_client.Request(instance)
        self.addCleanup(request.close)
        request.send(dict(arguments, do=name))
        return request

    def check_alive(self, instance):
        """What every hostile function has to leave behind: an instance that
        runs the next request."""
        for number in range(3):
            result = self.do(instance, 'echo', value=number)
            self.assertEqual(('succeeded', number),
                             (result.status, result.value), result)

    def until(self, condition, what):
        """Wait until something has come true."""
        deadline = time.monotonic() + runner_client.SECONDS
        while not (value := condition()):
            self.assertLess(time.monotonic(), deadline, 'never: ' + what)
            time.sleep(0.01)
        return value

    @contextlib.contextmanager
    def running(self, instance, name, said, **arguments):
        """A request that runs, and has printed something."""
        request = self.begin(instance, name, **arguments)
        self.until(lambda: said.encode() in request.log.data, said)
        yield request
