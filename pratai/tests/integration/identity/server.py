# SPDX-License-Identifier: Apache-2.0
"""A Keystone with a user of each kind, and those who have no business."""

import uuid

from keystoneauth1 import session as ksa_session
from keystoneauth1.identity import v3
from keystoneclient.v3 import client

from pratai.tests.integration import keystone

ADMIN = 'admin'
SERVICE_PROJECT = 'service'
PROJECT = 'prepared'
ELSEWHERE = 'elsewhere'
#: Users, which are called as their role, and the project that it is in.
PERSONAS = {'reader': PROJECT, 'member': PROJECT, 'manager': PROJECT,
            'admin': PROJECT, 'service': SERVICE_PROJECT,
            'stranger': ELSEWHERE}


class Cloud(keystone.Keystone):
    """All users have the same password.

    :ivar root: URL without a version.
    """

    #: Seconds that a token is good for.
    EXPIRATION = 3600
    password = keystone.PASSWORD

    def prepare(self):
        super().prepare()
        self.root = self.auth_url.removesuffix('/v3')
        with open(self._file, 'a') as file:
            file.write('[token]\nexpiration = %d\n' % self.EXPIRATION)

    def command(self):
        # On a busy machine it is slow, not hung.
        return [*super().command(), '--timeout', '600']

    def ask(self, method, path, **arguments):
        """:returns: the answer to a plain request."""
        with self.http() as session:
            return session.request(method, self.auth_url + path, timeout=60,
                                   **arguments)

    def session(self, username=ADMIN, **scope):
        """:returns: a keystoneauth session.

        :param scope: as the plugin v3password takes it, with domains that
            are the default one; the user's own project when it is left out.
        """
        if not scope:
            scope = {'project_name': PERSONAS[username]}
        if 'project_name' in scope:
            scope['project_domain_id'] = 'default'
        return ksa_session.Session(
            v3.Password(self.auth_url, username=username,
                        password=self.password, user_domain_id='default',
                        **scope),
            session=self.http())

    def admin(self):
        """:returns: a client of the Identity API that may do everything."""
        return client.Client(session=self.session(project_name=ADMIN),
                             endpoint_override=self.auth_url)

    def token(self, username, **scope):
        """:returns: a new token, text; see :meth:`session`."""
        return self.session(username, **scope).get_token()

    def _fill(self):
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
        # All that is needed to ask about tokens.
        self.grant(self.add_user('pratai'), 'service', SERVICE_PROJECT)

    def add_user(self, name):
        """:returns: a new user, without any role."""
        return self.admin().users.create(name, 'default',
                                         password=self.password)

    def grant(self, user, role, project):
        self.admin().roles.grant(self.roles[role], user=user,
                                 project=self.projects[project])

    def register(self, url):
        """Enter Pratai in the service catalog, instead of another one."""
        admin = self.admin()
        for service in admin.services.list(type='function'):
            admin.services.delete(service)
        service = admin.services.create('pratai', 'function')
        admin.endpoints.create(service, url, 'public', 'RegionOne')

    def bring_back(self):
        """Start it for those who share it, should it be gone."""
        if not self.is_running():
            self.start()

    def someone(self, role='member', project=PROJECT):
        """:returns: the name of a new user with a role in a project."""
        name = uuid.uuid4().hex
        self.grant(self.add_user(name), role, project)
        return name

    def settings(self, **more):
        """:returns: ``[keystone_authtoken]`` of a Pratai that uses it."""
        options = {name: value for (_, name), value in self.options().items()}
        # The machines of tests may be very busy.
        return dict(options, http_connect_timeout='60',
                    interface='public') | more


class ShortLived(Cloud):
    """Its tokens are good for a few seconds."""

    EXPIRATION = 10
