# SPDX-License-Identifier: Apache-2.0
"""Pratai as it is deployed: each service a process of its own."""

import datetime
import json
import os
import re
import subprocess
import sys

import fixtures
import requests

from pratai.tests.functional import standalone
from pratai.tests.integration import daemon

BIN = os.path.dirname(sys.executable)
ETC = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                   *[os.pardir] * 3, 'etc')
#: User ids of sandboxes; each executor has some of its own.
UIDS = 1900000000
UIDS_EACH = 4096


class Service(daemon.Daemon):
    """One process (a WSGI application: with its workers) of a deployment.

    :param options: {(group, name): value}.
    """

    def __init__(self, binary, host, options):
        super().__init__()
        self.binary = binary
        self.host = host
        self._options = options

    def prepare(self):
        self.file = os.path.join(self.path, 'pratai.conf')
        groups = {}
        for (group, name), value in self._options.items():
            groups.setdefault(group, []).append('%s = %s\n' % (name, value))
        with open(self.file, 'w') as file:
            for group, lines in groups.items():
                file.write('[%s]\n%s' % (group, ''.join(lines)))

    def command(self):
        return [sys.executable, '-W', 'ignore', '-m',
                'pratai.cmd.' + self.binary, '--config-file', self.file]

    def environment(self):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')}
        return dict(environment, OS_PRATAI_CONFIG_FILES=self.file,
                    PYTHONUNBUFFERED='1')

    def start(self, wait=False):
        """As of any daemon, but does not wait unless told: what it needs
        may not be there."""
        super().start(wait)


class WSGI(Service):
    """An application under uWSGI, as the file of etc/pratai has it.

    :param processes: how many workers.
    :param preload: load the application before they are forked, as servers
        that are set up by others may.
    """

    def __init__(self, name, port, host, options, processes=2, preload=False):
        super().__init__(name, host, options)
        self._disabled = options['healthcheck', 'disable_by_file_path']
        self.port = port
        self._processes = processes
        self._preload = preload

    @property
    def url(self):
        return 'http://127.0.0.1:%d' % self.port

    def disable(self):
        """Make the health check say no, as before a restart."""
        open(self._disabled, 'w').close()

    def enable(self):
        os.unlink(self._disabled)

    def prepare(self):
        super().prepare()
        with open('/proc/sys/net/core/somaxconn') as file:
            # More than the machine allows, uWSGI refuses.
            listen = min(1024, int(file.read()))
        changed = {'http-socket': '127.0.0.1:%d' % self.port,
                   'processes': self._processes, 'listen': listen}
        if self._preload:
            changed['lazy-apps'] = 'false'
        with open(os.path.join(ETC, 'pratai',
                               'uwsgi-%s.ini' % self.binary)) as file:
            text = file.read()
        for name, value in changed.items():
            text, count = re.subn('(?m)^%s = .*$' % name,
                                  '%s = %s' % (name, value), text)
            assert count == 1, name
        self._ini = os.path.join(self.path, 'uwsgi.ini')
        with open(self._ini, 'w') as file:
            file.write(text)

    def command(self):
        return [os.path.join(BIN, 'uwsgi'), '--ini', self._ini,
                '--virtualenv', sys.prefix]

    def environment(self):
        return dict(super().environment(), RUNTIME_DIRECTORY=self.path)

    def is_ready(self):
        answer = get(self.url + '/healthcheck')
        return answer.status_code in (200, 503) and self._has_loaded()

    def _has_loaded(self):
        """:returns: whether all workers have loaded the application: one that
            has not does not stop when it is told to."""
        with open(self.log, errors='replace') as log:
            said = log.read().rpartition('*** Starting uWSGI ')[2]
        workers = re.findall(
            r'pawned uWSGI worker \d+ \((?:new )?pid: (\d+)', said)
        loaded = re.findall(r'WSGI app 0 .* ready in .* pid: (\d+)', said)
        return len(workers) >= self._processes and (
            self._preload or set(workers) <= set(loaded))

    def reload(self):
        """Replace worker by worker, as "systemctl reload" does; returns when
        all are new."""
        def count():
            with open(self.log, errors='replace') as log:
                return log.read().count('chain reloading complete')

        before = count()
        with open(os.path.join(self.path, 'control'), 'w') as control:
            control.write('c\n')
        daemon.until(lambda: count() > before)


def get(url, **kwargs):
    """GET without a proxy; a refused connection is an OSError."""
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, timeout=60, **kwargs)


class Deployment(fixtures.Fixture):
    """API and webhook app under uWSGI, conductors and executors.

    :param database: URL of an empty database.
    :param transport: URL of an empty virtual host of a broker.
    :param webhooks: webhook apps, each on a port of its own.
    :param preload: see WSGI.
    :param options: {(group, name): value} for all of them.
    :param nodes: further options of each executor, in a list.
    :param token: callable that returns an administrator's token, for an API
        that asks Keystone.
    :param wait: whether set up means that all of it works.
    """

    #: Programs that it needs and test-requirements.txt brings.
    PROGRAMS = ('uwsgi',)

    def __init__(self, database, transport, conductors=1, executors=1,
                 webhooks=1, apis=1, preload=False, options=None, nodes=(),
                 token=None, wait=True):
        super().__init__()
        self._database = database
        self._transport = transport
        self._counts = conductors, executors, webhooks, apis
        self._preload = preload
        self._more = options or {}
        self._nodes = nodes
        self._token = token
        self._wait = wait

    def _setUp(self):
        self.path = self.useFixture(fixtures.TempDir()).path
        conductors, executors, webhooks, apis = self._counts
        ports = daemon.free_ports(apis + webhooks)
        self.options = {
            ('DEFAULT', 'transport_url'): self._transport,
            ('DEFAULT', 'state_path'): self.path,
            ('database', 'connection'): self._database.replace('%', '%%'),
            ('api', 'auth_strategy'): 'noauth',
            ('api', 'port'): ports[0],
            ('webhook', 'port'): ports[apis],
            ('webhook', 'max_waiting'): 16,
            # Soon, because tests wait for it.
            ('executor', 'heartbeat_interval'): 1,
            ('conductor', 'lease'): 20,
            # Longer than a call to a conductor that has just gone may take.
            ('conductor', 'service_down_time'): 15,
            ('executor', 'shutdown_grace'): 20,
            ('executor', 'data_port'): 0,
            ('builder', 'shared'): 'true',  # see _executor
            ('process', 'interpreters'): sys._base_executable,
        }
        self.options.update(self._more)
        self.apis = [self._wsgi('api', port, 'api%d' % number, processes=1)
                     for number, port in enumerate(ports[:apis])]
        self.api = self.apis[0]
        self.webhooks = [
            self._wsgi('webhook', port, 'webhook%d' % number)
            for number, port in enumerate(ports[apis:])]
        self.conductors = [self._service('conductor', 'conductor%d' % number)
                           for number in range(conductors)]
        self.executors = [self._executor(number)
                          for number in range(executors)]
        self.services = [*self.apis, *self.webhooks, *self.conductors,
                         *self.executors]
        self.http = requests.Session()
        self.http.trust_env = False
        if self._token is not None:
            self.http.headers['X-Auth-Token'] = self._token()
        self.addCleanup(self.http.close)
        # The first process sees to the schema, as an operator would.
        manage = self._service('manage', 'manage')
        manage.path = self.path
        manage.prepare()
        self.manage_file = manage.file
        if self._wait:
            self.sync()
        for service in self.services:
            self.useFixture(service)
        if self._wait:
            self.wait()

    def sync(self):
        """pratai-manage db sync."""
        self.manage('db', 'sync')

    def manage(self, *arguments):
        """Run pratai-manage to its end. :returns: its output."""
        return subprocess.run(
            [sys.executable, '-W', 'ignore', '-m', 'pratai.cmd.manage',
             '--config-file', self.manage_file, *arguments],
            check=True, stdout=subprocess.PIPE, text=True,
            timeout=daemon.PATIENCE).stdout

    def _service(self, binary, host):
        return Service(binary, host,
                       self.options | {('DEFAULT', 'host'): host})

    def _wsgi(self, name, port, host, **kwargs):
        return WSGI(name, port, host, self.options | {
            ('DEFAULT', 'host'): host,
            # Each has its own file that takes it out of the load balancer.
            ('healthcheck', 'disable_by_file_path'): os.path.join(
                self.path, host + '.disabled')}, preload=self._preload,
            **kwargs)

    def _executor(self, number):
        host = 'node%d' % number
        path = os.path.join(self.path, host)
        os.mkdir(path, 0o755)
        # The process builder keeps images on the node; here all nodes see
        # the same files, as with a network file system for them.
        for name in ('images', 'layers', 'cache'):
            shared = os.path.join(self.path, name)
            os.makedirs(shared, 0o755, exist_ok=True)
            os.symlink(shared, os.path.join(path, name))
        options = {
            ('DEFAULT', 'host'): host, ('DEFAULT', 'state_path'): path,
            # What two nodes do not share, two executors on one may not.
            ('process', 'uid_first'): UIDS + number * UIDS_EACH,
            ('process', 'uid_count'): UIDS_EACH,
            ('process', 'cgroup_parent'): '/pratai-test/%d-%s' % (
                self.api.port, host)}
        options.update(self._nodes[number] if self._nodes else {})
        return Service('executor', host, self.options | options)

    def wait(self):
        """Wait until all of it works."""
        for service in (*self.apis, *self.webhooks):
            service.wait()
        daemon.until(self._is_well)

    def is_back(self, service, since):
        """Wait until one of the services works that was started again.

        :param service: what is no service of this is not waited for.
        :param since: seconds since 1970, before it was started.
        """
        if isinstance(service, WSGI):
            service.wait()
        elif service in self.services:
            since = datetime.datetime.fromtimestamp(
                since, datetime.UTC).isoformat()
            daemon.until(lambda: [
                row for row in self._up() if row['host'] == service.host
                and row['started_at'] > since])

    def _up(self):
        """:returns: the services that are up; none when nobody knows."""
        try:
            response = self.http.get(self.api.url + '/v1/services',
                                     timeout=60)
        except requests.ConnectionError:
            return []
        if response.status_code != 200:
            return []
        return [row for row in response.json()['services']
                if row['status'] == 'up']

    def _is_well(self):
        for service in self.services:
            assert service.is_running(), '%s: %s' % (service.host,
                                                     service.tail())
        try:
            response = self.http.get(self.api.url + '/v1/status', timeout=60)
        except requests.ConnectionError:
            return False
        if response.status_code != 200:
            return False
        up = {(row['binary'], row['host'])
              for row in response.json()['services'] if row['status'] == 'up'}
        wanted = {('pratai-' + service.binary, service.host)
                  for service in self.conductors + self.executors}
        return wanted <= up and not [
            text for text in response.json()['warnings']
            if text.startswith('No ')]

    # -- what tests ask of it

    def get(self, path, **params):
        """:returns: the JSON of a GET at the API that went well."""
        response = self.http.get(self.api.url + path, params=params,
                                 timeout=60)
        assert response.ok, response.text
        return response.json()

    def post_function(self, name, module, requirements='', **metadata):
        """:returns: the response of the create."""
        return self.http.post(
            self.api.url + '/v1/functions', timeout=60, files={
                'metadata': (None, json.dumps(dict(metadata, name=name)),
                             'application/json'),
                'zip_file': ('p.zip',
                             standalone.package(module, requirements))})

    def create(self, name, module, requirements='', **metadata):
        """:returns: the function, built or failed."""
        response = self.post_function(name, module, requirements, **metadata)
        assert response.status_code == 202, response.text
        path = '/v1/functions/' + response.json()['id']
        daemon.until(lambda: self.get(path)['status'] != 'building')
        return self.get(path)

    def call(self, function, payload=None, webhook=0):
        """:returns: the response of the function's endpoint."""
        return self.http.post(
            '%s/function/%s' % (self.webhooks[webhook].url, function['id']),
            json={'payload': payload}, timeout=daemon.PATIENCE)

    def finished(self, request_id):
        """:returns: the request, once it is finished."""
        path = self.api.url + '/v1/requests/' + request_id

        def look():
            try:
                response = self.http.get(path, timeout=60)
            except requests.ConnectionError:
                return None
            # A caller who waited has the answer before it is recorded.
            if response.status_code in (404, 503):
                return None
            request = response.json()
            return (request['status'] not in ('queued', 'running')
                    and request)
        return daemon.until(look)

    def requests(self, **params):
        """:returns: all requests that there are."""
        found, params = [], dict(params, limit=1000)
        while True:
            page = self.get('/v1/requests', **params)['requests']
            found += page
            if len(page) < 1000:
                return found
            params['marker'] = page[-1]['id']

    def logs(self):
        """:returns: the ends of what all of them have written."""
        return '\n'.join('== %s %s\n%s' % (one.binary, one.host, one.tail())
                         for one in self.services)
