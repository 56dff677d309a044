# SPDX-License-Identifier: Apache-2.0
"""The tutorial, typed as it is written, at a service without Keystone."""

import json
import os
import re
import subprocess
import sys

from oslotest import base

from pratai.tests.functional import standalone

#: Seconds in which numpy comes from an index that is very slow: for a build,
#: and for a command that waits for it.
BUILT, INSTALLED = 1500, 1800
#: What the tutorial has its reader export, OS_PRATAI_URL aside. Nothing
#: listens where OS_AUTH_URL says.
CREDENTIALS = {
    'OS_USERNAME': 'user',
    'OS_PASSWORD': 'pass',
    'OS_AUTH_URL': 'http://localhost:1/v3',
    'OS_TENANT_NAME': 'pratai',
    'OS_IDENTITY_API_VERSION': '3',
    'OS_PROJECT_DOMAIN_NAME': 'Default',
    'OS_USER_DOMAIN_NAME': 'Default',
}
MODULE = '''\
import numpy
# yes you can install dependencies, just send a requirements.txt

def local_function(payload):
    # you can create local functions
    return payload

def main(payload=None):
    # a main function should always be declared
    # and using a payload as a parameter
    return local_function(payload)
'''
#: The first fields of a function, and what they are in the tutorial.
FIELDS = [
    ('function_id', '[0-9a-f]{32}'),
    ('user_id', '.+'),
    ('tenant_id', '.+'),
    ('name', 'name_of_function'),
    ('description', ''),
    ('type', 'async'),
    ('event', 'webhook'),
    ('public', 'False'),
    ('endpoint', 'http://.+/function/[0-9a-f]{32}'),
    ('runtime', r'python\d+'),
    ('memory', '128'),
    ('cpus', '1'),
]
COMMANDS = ('runtime-list', 'function-create', 'function-list',
            'function-show', 'request-list', 'request-logs')


def cells(table):
    """:returns: the rows of a table of the command, its head first."""
    return [[cell.strip() for cell in line.split('|')[1:-1]]
            for line in table.splitlines() if line.startswith('|')]


class TestTutorial(base.BaseTestCase):

    def setUp(self):
        super().setUp()
        self.service = self.useFixture(standalone.Standalone({
            ('builder', 'timeout'): BUILT}))
        self.directory = self.service.state_path
        self.credentials = {}

    def type(self, *argv, status=0):
        """Run a command; :returns: its standard output and error."""
        environ = self.service.environ()
        environ['OS_PRATAI_URL'] = self.service.api
        environ['PATH'] = os.pathsep.join(
            (os.path.dirname(sys.executable), os.environ['PATH']))
        done = subprocess.run(
            argv, cwd=self.directory, env=dict(environ, **self.credentials),
            capture_output=True, text=True, timeout=INSTALLED)
        self.assertEqual(status, done.returncode, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def pratai(self, *argv):
        """:returns: what a command that went well has printed; it has
            nothing to warn of."""
        out, err = self.type('pratai', *argv)
        self.assertEqual('', err)
        return out

    def test_as_nobody_and_as_somebody(self):
        # NOTE: one after the other, so that numpy is installed once only.
        self.walk_through('admin', 'admin')
        self.credentials = CREDENTIALS
        self.walk_through('user', 'pratai')

    def walk_through(self, user, project):
        printed = self.pratai('help')
        for command in COMMANDS:
            self.assertRegex(printed, r'(?m)^ +%s\b' % command)

        head, *runtimes = cells(self.pratai('runtime-list'))
        self.assertEqual(['runtime_id', 'name'], head[:2])
        names = [row[1] for row in runtimes]
        self.assertIn('python%d%d' % sys.version_info[:2], names)

        for name, content in (('new_module.py', MODULE),
                              ('requirements.txt', 'numpy\n')):
            with open(os.path.join(self.directory, name), 'w') as file:
                file.write(content)
        self.type('python3', '-m', 'zipfile', '-c', 'package.zip',
                  'new_module.py', 'requirements.txt')

        # The id alone; how far it is comes on standard error.
        out, err = self.type('pratai', 'function-create', 'name_of_function',
                             '--zip', os.path.join(self.directory,
                                                   'package.zip'))
        self.assertRegex(out, r'\A[0-9a-f]{32}\n\Z')
        self.assertIn('building name_of_function', err)
        function_id = out.strip()
        self.assertIn('--memory', self.pratai('help', 'function-create'))

        head, row = cells(self.pratai('function-list'))
        self.assertEqual(['function_id', 'name', 'type', 'event', 'runtime'],
                         head[:5])
        self.assertEqual(
            [function_id, 'name_of_function', 'async', 'webhook'], row[:4])
        self.assertEqual(function_id + '\n', self.pratai(
            'function-list', '--only-id', '-f', 'value'))

        head, *rows = cells(self.pratai('function-show', function_id))
        self.assertEqual(['Field', 'Value'], head)
        for (name, pattern), row in zip(FIELDS, rows):
            self.assertEqual(name, row[0])
            self.assertRegex(row[1], '^%s$' % pattern)
        shown = dict(rows)
        self.assertEqual((function_id, user, project), tuple(
            shown[name] for name in ('function_id', 'user_id', 'tenant_id')))
        port = self.service.webhook.rpartition(':')[2]
        self.assertEqual('http://localhost:%s/function/%s' % (
            port, function_id), shown['endpoint'])

        request_id = self.execute(shown['endpoint'])
        standalone.until(lambda: self.pratai(
            'request-list', '--filter', request_id, '-f', 'value',
            '-c', 'status') not in ('queued\n', 'running\n'))
        head, row = cells(self.pratai('request-list', '--filter', request_id))
        self.assertEqual(
            ['request_id', 'function_id', 'status', 'created_at',
             'duration'], head[:5])
        self.assertEqual([request_id, function_id, 'succeeded'], row[:3])
        request = json.loads(self.pratai('request-show', request_id,
                                         '-f', 'json'))
        self.assertEqual({'key': 'value'}, request['response'])
        self.assertEqual('', self.pratai('request-logs', request_id))

        # Those that there are not: one sentence, and an exit status.
        for argv in (('function-show', '0' * 32),
                     ('request-list', '--filter', '0' * 32)):
            out, err = self.type('pratai', *argv, status=1)
            self.assertEqual('', out)
            self.assertEqual(1, len(err.splitlines()), err)
            self.assertIn('0' * 32, err)

    def execute(self, endpoint):
        """:returns: the id of the request, which is all that is said."""
        out, _ = self.type(
            'curl', '--silent', '-H', 'Content-Type: application/json',
            '-X', 'POST', '-d', '{"payload":{"key": "value"}}', endpoint)
        said = re.fullmatch(r'\s*{"request_id": "([0-9a-f]{32})"}\s*', out)
        self.assertIsNotNone(said, out)
        return said[1]
