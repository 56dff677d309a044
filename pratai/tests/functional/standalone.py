# SPDX-License-Identifier: Apache-2.0
"""A real pratai-standalone for tests, in a process of its own."""

import contextlib
import io
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import zipfile

import fixtures
import requests

#: Seconds for what takes one at most, on a machine that is very busy.
PATIENCE = 120
# Functions that several tests use. This one takes as long as one says.
SLEEPY = '''
import time


def main(payload):
    print('started', flush=True)
    time.sleep(payload)
    return 'slept'
'''
# Waits for what the test has to say on its port.
ASKS = '''
import socket


def main(port):
    print('started', flush=True)
    with socket.create_connection(('127.0.0.1', port)) as connection:
        return connection.recv(64).decode()
'''
# To be filled in with the port: it is not there yet, as long as nobody
# answers.
ASKS_AT_IMPORT = '''
import socket

with socket.create_connection(('127.0.0.1', %d)) as connection:
    connection.recv(64)


def main(payload):
    return payload
'''
#: Below those that the kernel gives to whoever asks for any.
PORTS = range(15000, 32000)
#: A socket for each port that is ours; they end with the process.
_RESERVATIONS = []


def free_ports(count):
    """:returns: ports that nobody listens on, and that no other process of
        tests is given as long as this one lives: what is stopped finds its
        port free when it is started again.
    """
    ports = []
    candidates = iter(random.sample(PORTS, len(PORTS)))
    while len(ports) < count:
        port = next(candidates)
        if _reserve(port):
            ports.append(port)
    return ports


def _reserve(port):
    """:returns: whether the port was free, and is ours now."""
    reservation = socket.socket(socket.AF_UNIX)
    try:
        # NOTE: an abstract name, which no crash leaves behind.
        reservation.bind('\0pratai-test-port-%d' % port)
        with socket.socket() as probe:
            probe.bind(('', port))
    except OSError:
        reservation.close()
        return False
    _RESERVATIONS.append(reservation)
    return True


def package(module, requirements=''):
    """:returns: the bytes of a zip."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w') as archive:
        archive.writestr('new_module.py', module)
        archive.writestr('requirements.txt', requirements)
    return content.getvalue()


def until(what, *args, seconds=PATIENCE):
    """Call until the answer is true; :returns: it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what(*args)
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError('%s did not come true' % what)
        time.sleep(0.02)


class Listener(fixtures.Fixture):
    """A port on which functions such as ASKS wait for the test."""

    def _setUp(self):
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(self.socket.close)
        self.socket.settimeout(PATIENCE)
        self.port = self.socket.getsockname()[1]

    def accept(self):
        """:returns: the connection of a function that begins to run."""
        connection, _ = self.socket.accept()
        self.addCleanup(connection.close)
        return connection


class Standalone(fixtures.Fixture):
    """Started when it is set up; start(), stop() and kill() it again.

    :param options: {(group, name): value} for the configuration file.
    """

    def __init__(self, options=None):
        super().__init__()
        self._options = options or {}

    def _setUp(self):
        self.state_path = self.useFixture(fixtures.TempDir()).path
        api, webhook, self.data_port = free_ports(3)
        self.api = 'http://127.0.0.1:%d' % api
        self.webhook = 'http://127.0.0.1:%d' % webhook
        options = {('DEFAULT', 'state_path'): self.state_path,
                   ('api', 'port'): api, ('webhook', 'port'): webhook,
                   ('executor', 'data_port'): self.data_port,
                   ('process', 'interpreters'): sys._base_executable}
        options.update(self._options)
        self._options = options
        self._file = os.path.join(self.state_path, 'pratai.conf')
        self._write()
        self.log = os.path.join(self.state_path, 'log')
        self.process = None
        self.http = requests.Session()
        self.http.trust_env = False
        self.addCleanup(self.http.close)
        self.addCleanup(self.stop)
        self.start()

    def _write(self):
        with open(self._file, 'w') as file:
            file.writelines('[%s]\n%s = %s\n' % (*key, value)
                            for key, value in self._options.items())

    def set(self, option, value):
        """Set an option (group, name) for the next start."""
        self._options[option] = value
        self._write()

    def start(self):
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-m',
                 'pratai.cmd.standalone', '--config-file', self._file],
                stdout=log, stderr=log, start_new_session=True)
        until(self._healthy)

    def _healthy(self):
        if self.process.poll() is not None:
            with open(self.log) as log:
                raise AssertionError('It ended: ' + log.read()[-3000:])
        try:
            return all(self.http.get(url + '/healthcheck', timeout=5).ok
                       for url in (self.api, self.webhook))
        except (requests.ConnectionError, requests.Timeout):
            return False

    def _signal(self, number):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(PATIENCE)
            self.process = None

    def stop(self):
        self._signal(signal.SIGTERM)

    def kill(self):
        self._signal(signal.SIGKILL)

    # -- what tests ask of it

    def environ(self):
        """:returns: a copy of the environment that says nothing of who one
            is, and has no clouds.yaml and no .curlrc of whoever runs this."""
        environ = {name: value for name, value in os.environ.items()
                   if not name.startswith(('OS_', 'CLIFF_'))}
        environ['HOME'] = environ['XDG_CONFIG_HOME'] = self.state_path
        environ['no_proxy'] = '*'
        return environ

    def failures(self, request_id):
        """:returns: how many of its attempts were lost, of which it may
            have max_attempts."""
        with contextlib.closing(sqlite3.connect(os.path.join(
                self.state_path, 'pratai.sqlite'))) as database:
            return database.execute(
                'SELECT failures FROM requests WHERE id = ?',
                (request_id,)).fetchone()[0]

    def get(self, path, **params):
        """:returns: the JSON of a GET at the API that went well."""
        response = self.http.get(self.api + path, params=params, timeout=60)
        assert response.ok, response.text
        return response.json()

    def post_function(self, name, module, requirements='', **metadata):
        """:returns: the function, which is still to be built."""
        response = self.http.post(
            self.api + '/v1/functions', timeout=60, files={
                'metadata': (None, json.dumps(dict(metadata, name=name)),
                             'application/json'),
                'zip_file': ('package.zip', package(module, requirements))})
        assert response.status_code == 202, response.text
        return response.json()

    def create(self, *args, **kwargs):
        """:returns: the function, built or failed."""
        path = '/v1/functions/' + self.post_function(*args, **kwargs)['id']
        until(lambda: self.get(path)['status'] != 'building')
        return self.get(path)

    def post(self, function, payload=None, **kwargs):
        """:returns: the response of the function's endpoint."""
        return self.http.post(
            '%s/function/%s' % (self.webhook, function['id']),
            json={'payload': payload}, timeout=PATIENCE, **kwargs)

    def finished(self, request_id):
        """:returns: the request, once it is finished."""
        path = '/v1/requests/' + request_id

        def look():
            response = self.http.get(self.api + path, timeout=60)
            # A caller who waited has the answer before it is recorded.
            if response.status_code == 404:
                return None
            request = response.json()
            return (request['status'] not in ('queued', 'running')
                    and request)
        return until(look)

    def logs(self, request_id):
        return self.get('/v1/requests/%s/logs' % request_id)['logs']
