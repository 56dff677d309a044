# SPDX-License-Identifier: Apache-2.0
"""A Keystone of our own, with projects, users and roles in it."""

import importlib.util
import os
import secrets
import subprocess
import sys
import uuid

from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client
import requests

from pratai.tests.integration import daemon

#: The program with which Keystone is installed, when not this one.
PYTHON = os.environ.get('PRATAI_TEST_KEYSTONE_PYTHON', sys.executable)
ADMIN = 'admin'
SERVICE_PROJECT = 'service'
#: Users and what they are; all but the last two work in PROJECT.
PROJECT = 'prepared'
ELSEWHERE = 'elsewhere'
PERSONAS = {'reader': PROJECT, 'member': PROJECT, 'manager': PROJECT,
            'admin': PROJECT, 'service': SERVICE_PROJECT,
            'stranger': ELSEWHERE}
CONF = '''[DEFAULT]
log_file = {path}/keystone.log
[database]
connection = sqlite:///{path}/keystone.sqlite
[fernet_tokens]
key_repository = {path}/fernet
[credential]
key_repository = {path}/credential
[token]
expiration = {expiration}
'''
# NOTE: keystone reads sys.argv when it is imported, and that is gunicorn's.
APPLICATION = '''import sys
sys.argv = ['keystone']
from keystone.wsgi.api import application
'''


class Keystone(daemon.Daemon):
    """Serves version 3 of the Identity API at ``url``."""

    #: Seconds that a token is good for.
    EXPIRATION = 3600

    @classmethod
    def missing(cls):
        if PYTHON == sys.executable:
            if all(map(importlib.util.find_spec, ('keystone', 'gunicorn'))):
                return None
        elif not subprocess.call(
                [PYTHON, '-c', 'import gunicorn, keystone'],
                stderr=subprocess.DEVNULL):
            return None
        return 'keystone and gunicorn are not installed (PyPI)'

    def prepare(self):
        self.port, = daemon.free_ports(1)
        self.root = 'http://127.0.0.1:%d' % self.port
        self.url = self.root + '/v3'
        self.password = secrets.token_hex(16)
        self._write('keystone.conf', CONF.format(
            path=self.path, expiration=self.EXPIRATION))
        self._write('served.py', APPLICATION)
        for name in ('fernet', 'credential'):
            os.mkdir(os.path.join(self.path, name), 0o700)
        for words in (['db_sync'], ['fernet_setup', *self._identity()],
                      ['credential_setup', *self._identity()],
                      ['bootstrap', '--bootstrap-password', self.password,
                       '--bootstrap-public-url', self.url,
                       '--bootstrap-internal-url', self.url,
                       '--bootstrap-admin-url', self.url,
                       '--bootstrap-region-id', 'RegionOne']):
            self.run(PYTHON, '-W', 'ignore', '-c',
                     'from keystone.cmd import manage; manage.main()',
                     '--config-dir', self.path, *words)

    @staticmethod
    def _identity():
        return ['--keystone-user', str(os.geteuid()),
                '--keystone-group', str(os.getegid())]

    def _write(self, name, content):
        with open(os.path.join(self.path, name), 'w') as file:
            file.write(content)

    def environment(self):
        return dict(super().environment(), PYTHONPATH=self.path,
                    PYTHONWARNINGS='ignore',
                    OS_KEYSTONE_CONFIG_DIR=self.path)

    def command(self):
        return [PYTHON, '-m', 'gunicorn', '--bind',
                '127.0.0.1:%d' % self.port, '--threads', '4',
                '--no-control-socket', 'served:application']

    def is_ready(self):
        try:
            # An inner error means that it is still at it.
            return self.http('GET', '/v3').ok
        except requests.ConnectionError:
            return False

    @staticmethod
    def _session():
        session = requests.Session()
        session.trust_env = False
        return session

    def http(self, method, path, **arguments):
        """:returns: the answer to a plain request."""
        with self._session() as session:
            return session.request(method, self.root + path, timeout=30,
                                   **arguments)

    # -- who there is

    def session(self, username=ADMIN, password=None, **scope):
        """:returns: a keystoneauth session.

        :param scope: as the plugin v3password takes it, with domains that
            are the default one.
        """
        if not scope:
            scope = {'project_name': PERSONAS.get(username, ADMIN)}
        if 'project_name' in scope:
            scope['project_domain_id'] = 'default'
        return ksa_session.Session(
            v3.Password(self.url, username=username,
                        password=password or self.password,
                        user_domain_id='default', **scope),
            session=self._session())

    def admin(self):
        """:returns: a client of the Identity API that may do everything."""
        return client.Client(session=self.session(project_name=ADMIN),
                             endpoint_override=self.url)

    def token(self, username, **scope):
        """:returns: a new token, text."""
        return self.session(username, **scope).get_token()

    def populate(self):
        """Make the projects and users of PERSONAS, and Pratai's own user.

        The password of all of them is that of the administrator.
        """
        admin = self.admin()
        self.roles = {role.name: role for role in admin.roles.list()}
        self.projects = {
            name: admin.projects.create(name, 'default')
            for name in (PROJECT, ELSEWHERE, SERVICE_PROJECT)}
        for name, project in PERSONAS.items():
            role = 'member' if name == 'stranger' else name
            # The administrator is there already.
            user = (admin.users.find(name=ADMIN) if name == ADMIN else
                    self.add_user(name))
            self.grant(user, role, project)
        self.grant(self.add_user('pratai'), 'service', SERVICE_PROJECT)

    def add_user(self, name):
        """:returns: a new user, without any role."""
        return self.admin().users.create(name, 'default',
                                         password=self.password)

    def grant(self, user, role, project):
        self.admin().roles.grant(self.roles[role], user=user,
                                 project=self.projects[project])

    def someone(self, role='member', project=PROJECT):
        """:returns: the name of a new user with a role in a project."""
        name = uuid.uuid4().hex
        self.grant(self.add_user(name), role, project)
        return name

    def add_endpoint(self, url):
        """Enter Pratai in the service catalog."""
        admin = self.admin()
        service = admin.services.create('pratai', 'function')
        for interface in ('public', 'internal', 'admin'):
            admin.endpoints.create(service, url, interface, 'RegionOne')

    def options(self, **options):
        """:returns: ``[keystone_authtoken]`` of a Pratai that uses it."""
        return dict({
            'auth_type': 'password', 'auth_url': self.root,
            'www_authenticate_uri': self.root,
            'username': 'pratai', 'password': self.password,
            'user_domain_name': 'Default', 'project_name': SERVICE_PROJECT,
            'project_domain_name': 'Default', 'interface': 'public',
            'region_name': 'RegionOne'}, **options)


class Cloud(Keystone):
    """A Keystone with everybody in it from the start."""

    def start(self, wait=True):
        first = self.pid is None
        super().start(wait)
        if first:
            self.populate()


class ShortLived(Cloud):
    """Its tokens are good for a few seconds."""

    EXPIRATION = 6
