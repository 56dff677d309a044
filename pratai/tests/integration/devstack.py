# SPDX-License-Identifier: Apache-2.0
"""DevStack, for its plugin.

DevStack wants a machine of its own and the whole of OpenStack, so what calls
the plugin here is a stand-in: devstack.sh has functions with the names and
arguments of DevStack's. What the plugin itself starts and writes is real: the
database is made by pratai-manage, the services are started from the files
that were written and work with Keystone, RabbitMQ and MariaDB, and what
clean.sh is to remove was made on an engine by Pratai's drivers.
"""

import os
import shlex
import subprocess
import sys

import fixtures

from pratai import conf as configuration
from pratai.tests.integration import daemon
from pratai.tests.integration import deployment

HERE = os.path.dirname(os.path.abspath(__file__))
PLUGIN = os.path.join(HERE, *[os.pardir] * 3, 'devstack')
PROGRAMS = {
    'sudo': 'exec "$@"\n',
    'answers': """exec %s -I -c '
import sys, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1]).close()
except OSError as error:
    sys.exit(str(error))
' "$1"
""" % sys.executable,
    # Records what it is called with; a database it makes.
    'pratai-manage': """
printf '%%q ' pratai-manage "$@" >>"$DEST/calls"
echo >>"$DEST/calls"
if [[ " $* " = *" db "* ]]; then
    exec %s -W ignore -m pratai.cmd.manage "$@"
fi
""" % sys.executable,
    'uwsgi': 'exec %s/uwsgi "$@"\n' % deployment.BIN,
    **{'pratai-' + name: 'exec %s -W ignore -m pratai.cmd.%s "$@"\n' % (
        sys.executable, name) for name in ('conductor', 'executor')}}


class Calls(list):
    """Functions of DevStack that were called: lists, of a name and what it was
    called with."""

    def named(self, name):
        """:returns: the arguments of the calls of one function."""
        return [call[1:] for call in self if call[0] == name]


class DevStack(fixtures.Fixture):
    """A directory for all that the plugin does.

    :param localrc: what the operator has in local.conf.
    :param environment: what devstack.sh takes besides; what it starts ends
        with this fixture.
    """

    def __init__(self, localrc='', environment=None):
        super().__init__()
        self._localrc = localrc
        self._environment = environment or {}

    def _setUp(self):
        self.dest = self.useFixture(fixtures.TempDir()).path
        os.mkdir(self.path('bin'))
        for name, script in PROGRAMS.items():
            with open(self.path('bin', name), 'w') as file:
                file.write('#!/bin/bash\n' + script)
                os.fchmod(file.fileno(), 0o755)
        self.api, self.webhook, self.data = daemon.free_ports(3)
        self._stdin, end = os.pipe()
        self.addCleanup(os.close, self._stdin)
        self.addCleanup(os.close, end)

    def path(self, *names):
        return os.path.join(self.dest, *names)

    def run(self, mode, path=None, **more):
        """Do what stack.sh, unstack.sh or clean.sh does with a plugin.

        :param path: PATH, when not that of this process.
        :param more: further environment variables.
        :returns: Calls
        """
        with open(self.path('calls'), 'w'):
            pass
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith('OS_')}
        environment.update(
            self._environment, **more, DEST=self.dest,
            PATH=os.pathsep.join([self.path('bin'),
                                  path or os.environ['PATH']]),
            DEVSTACK_VENV=sys.prefix, LOCALRC=(
                'PRATAI_CONF_DIR=$DEST/etc\nPRATAI_SERVICE_PORT=%d\n'
                'PRATAI_WEBHOOK_PORT=%d\nPRATAI_DATA_PORT=%d\n' % (
                    self.api, self.webhook, self.data)) + self._localrc)
        done = subprocess.run(
            ['bash', os.path.join(HERE, 'devstack.sh'), PLUGIN, mode],
            env=environment, stdin=self._stdin, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=2 * daemon.PATIENCE)
        assert not done.returncode, done.stdout
        with open(self.path('calls')) as file:
            return Calls(map(shlex.split, file))

    def conf(self):
        """:returns: the configuration, as a service reads it."""
        return configuration.new(files=[self.path('etc', 'pratai.conf')])
