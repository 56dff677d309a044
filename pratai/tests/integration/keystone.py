# SPDX-License-Identifier: Apache-2.0
"""A Keystone of our own: the real one, with projects, users and roles."""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv

import requests

from pratai.tests.integration import daemon

#: What pip installs. The version is named, what it needs besides is held by
#: upper-constraints.txt where that has it.
PACKAGES = ('keystone==30.0.0', 'gunicorn', 'python-memcached')
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), *['..'] * 3))
# NOTE: taken before tests get homes of their own.
CACHE = os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'),
    'pratai')
PROJECTS = ('blue', 'green')
ROLES = ('reader', 'member', 'manager', 'admin')
PASSWORD = 'secret'
# keystone.wsgi reads the command line, which is gunicorn's.
WSGI = '''
import sys
sys.argv = ['keystone', '--config-file', %r]
from keystone.wsgi.api import application
'''


def environment_path():
    """:returns: where the environment with Keystone is, or is to be."""
    with open(os.path.join(TOP, 'upper-constraints.txt'), 'rb') as file:
        content = file.read()
    stamp = hashlib.sha256(repr(
        (PACKAGES, sys.version_info[:2], content)).encode()).hexdigest()
    return os.path.join(CACHE, 'keystone-' + stamp[:12])


def install():
    """Install Keystone, once for all test runs.

    :returns: the directory with its programs.
    """
    path = environment_path()
    programs = os.path.join(path, 'bin')
    os.makedirs(CACHE, exist_ok=True)
    with open(path + '.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(path, 'done')
        if not os.path.exists(done):
            venv.create(path, clear=True, with_pip=True, symlinks=True)
            subprocess.run(
                [os.path.join(programs, 'python'), '-m', 'pip', 'install',
                 '--quiet', '--disable-pip-version-check',
                 '-c', os.path.join(TOP, 'upper-constraints.txt'),
                 *PACKAGES], check=True, timeout=1200,
                stdin=subprocess.DEVNULL)
            open(done, 'w').close()
    return programs


class Keystone(daemon.Daemon):
    """With the projects blue and green, and in each of them users named
    like blue-member, with that role; and the user pratai, for the service.

    :ivar auth_url: for clients.
    """

    def prepare(self):
        self.port, = daemon.free_ports(1)
        self.auth_url = 'http://127.0.0.1:%d/v3' % self.port
        self._programs = install()
        self._file = os.path.join(self.path, 'keystone.conf')
        with open(self._file, 'w') as file:
            file.write(
                '[database]\nconnection = sqlite:///%(path)s/keystone.db\n'
                '[fernet_tokens]\nkey_repository = %(path)s/fernet\n'
                '[credential]\nkey_repository = %(path)s/credential\n'
                '[oslo_policy]\nenforce_scope = true\n'
                # Made for tests: rounds of hashing are what takes time.
                '[identity]\npassword_hash_rounds = 4\n'
                % {'path': self.path})
        with open(os.path.join(self.path, 'application.py'), 'w') as file:
            file.write(WSGI % self._file)
        who = ['--keystone-user', 'root', '--keystone-group', 'root'] if (
            os.geteuid() == 0) else []
        self._manage('db_sync')
        self._manage('fernet_setup', *who)
        self._manage('credential_setup', *who)
        self._manage('bootstrap', '--bootstrap-password', PASSWORD,
                     '--bootstrap-region-id', 'RegionOne',
                     '--bootstrap-public-url', self.auth_url,
                     '--bootstrap-internal-url', self.auth_url,
                     '--bootstrap-admin-url', self.auth_url)
        self._filled = False

    def _manage(self, *arguments):
        self.run(os.path.join(self._programs, 'keystone-manage'),
                 '--config-file', self._file, *arguments)

    def command(self):
        return [os.path.join(self._programs, 'gunicorn'),
                '--bind', '127.0.0.1:%d' % self.port, '--threads', '4',
                '--no-control-socket', '--chdir', self.path,
                'application:application']

    def environment(self):
        return {name: value for name, value in os.environ.items()
                if not name.startswith(('OS_', 'PYTHON'))}

    def is_ready(self):
        return self.http().get(self.auth_url, timeout=60).ok

    def start(self, wait=True):
        super().start(wait)
        if wait and not self._filled:
            self._fill()
            self._filled = True

    @staticmethod
    def http(token=None):
        session = requests.Session()
        session.trust_env = False
        if token:
            session.headers['X-Auth-Token'] = token
        return session

    # -- what tests ask of it

    def token(self, user, project):
        """:returns: a token of a user in a project, both by name."""
        response = self.http().post(
            self.auth_url + '/auth/tokens', timeout=60, json={'auth': {
                'identity': {'methods': ['password'], 'password': {'user': {
                    'name': user, 'domain': {'id': 'default'},
                    'password': PASSWORD}}},
                'scope': {'project': {'name': project,
                                      'domain': {'id': 'default'}}}}})
        assert response.status_code == 201, response.text
        return response.headers['X-Subject-Token']

    def persona(self, project, role):
        """:returns: a token of the project's user with that role."""
        return self.token('%s-%s' % (project, role), project)

    def options(self):
        """:returns: {(group, name): value} for who validates tokens."""
        return {('keystone_authtoken', name): value for name, value in {
            'auth_type': 'password', 'auth_url': self.auth_url,
            'www_authenticate_uri': self.auth_url,
            'username': 'pratai', 'password': PASSWORD,
            'project_name': 'service', 'user_domain_id': 'default',
            'project_domain_id': 'default',
            'service_token_roles_required': 'true'}.items()}

    def register(self, url, service_type='function', name='pratai'):
        """Enter a service with its public endpoint in the catalog."""
        service = self._create('services', 'service', type=service_type,
                               name=name)
        self._create('endpoints', 'endpoint', service_id=service['id'],
                     interface='public', url=url, region_id='RegionOne')

    # -- the first start

    def _create(self, collection, one, **values):
        response = self._admin.post('%s/%s' % (self.auth_url, collection),
                                    json={one: values}, timeout=60)
        assert response.status_code == 201, response.text
        return response.json()[one]

    def _fill(self):
        self._admin = self.http(self.token('admin', 'admin'))
        found = self._admin.get(self.auth_url + '/roles', timeout=60)
        roles = {role['name']: role['id'] for role in found.json()['roles']}
        for name in (*ROLES, 'service'):
            if name not in roles:
                roles[name] = self._create('roles', 'role', name=name)['id']
        self.projects = {}
        for project in (*PROJECTS, 'service'):
            self.projects[project] = self._create(
                'projects', 'project', name=project,
                domain_id='default')['id']
        for project in PROJECTS:
            for role in ROLES:
                self._user('%s-%s' % (project, role), project, [roles[role]])
        self._user('pratai', 'service', [roles['service'], roles['admin']])

    def _user(self, name, project, roles):
        user = self._create('users', 'user', name=name, password=PASSWORD,
                            domain_id='default')
        for role in roles:
            response = self._admin.put(
                '%s/projects/%s/users/%s/roles/%s' % (
                    self.auth_url, self.projects[project], user['id'], role),
                timeout=60)
            assert response.status_code == 204, response.text
