# SPDX-License-Identifier: Apache-2.0
"""What the tests share."""

import io
import logging
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile

from prataiclient import __main__
from prataiclient import client
from prataiclient.tests import fake

ECHO = 'def main(payload=None):\n    return payload\n'
RAISE = 'def main(payload=None):\n    raise ValueError("no\\nno")\n'

#: The directory that holds prataiclient.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def zipped(module=ECHO, requirements=''):
    """A package as bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as package:
        # The same bytes at any time.
        package.writestr(zipfile.ZipInfo('new_module.py'), module)
        package.writestr(zipfile.ZipInfo('requirements.txt'), requirements)
    return buffer.getvalue()


class _Streams:
    """Standard streams to look into; stdout takes bytes too."""

    def __init__(self, stdin=b''):
        self.stdout = io.TextIOWrapper(io.BytesIO(), 'utf-8')
        self.stderr = io.StringIO()
        self.stdin = io.TextIOWrapper(io.BytesIO(stdin), 'utf-8')

    def __enter__(self):
        self._before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = (
            self.stdin, self.stdout, self.stderr)
        return self

    def __exit__(self, *exc):
        sys.stdin, sys.stdout, sys.stderr = self._before


class Result:
    def __init__(self, status, out, err):
        self.status = status
        self.out = out
        self.err = err


class TestCase(unittest.TestCase):
    """A Pratai, a client of it, and the command."""

    keystone = None

    def setUp(self):
        self.server = fake.Pratai(self.keystone)
        self.addCleanup(self.server.stop)
        # Nothing may hang in a test that fails half way.
        self.addCleanup(self.server.gate.set)
        self.client = client.Client(endpoint=self.server.url)
        self.environ = {'OS_PRATAI_URL': self.server.url}
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def path(self, name, content=None):
        """A path in a directory of this test, and a file there."""
        path = os.path.join(self.directory, name)
        if content is not None:
            with open(path, 'wb') as f:
                f.write(content)
        return path

    def function(self, name='hello', module=ECHO, **settings):
        """Make a function and wait until it is built."""
        made = self.client.functions.create(name, zipped(module), **settings)
        return self.client.functions.wait(made.id)

    def another_project(self):
        """Make a function hello and a request of another project.

        :returns: the ids of both
        """
        function = self.function(type='sync')
        self.server.functions[function.id]['project_id'] = 'another'
        return function.id, self.client.functions.execute(function).request_id

    def only_all_projects(self, *argv):
        """Run a command that finds something in another project only."""
        self.fails(r'\.not_found\)$', *argv)
        return self.ok(*argv, '--all-projects')

    def _environ(self, environ):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(('OS_', 'CLIFF_'))}
        kept.update(self.environ, **environ)
        return kept

    def pratai(self, *argv, stdin=b'', **environ):
        """Run the command in this process, and return what came of it."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self._environ(environ))
        streams = _Streams(stdin)
        handlers = logging.getLogger().handlers[:]
        try:
            with streams:
                try:
                    status = __main__.main(list(argv))
                except SystemExit as exc:
                    status = exc.code
        finally:
            os.environ.clear()
            os.environ.update(before)
            for handler in logging.getLogger().handlers[:]:
                if handler not in handlers:
                    logging.getLogger().removeHandler(handler)
                    handler.close()
        streams.stdout.flush()
        return Result(status, streams.stdout.buffer.getvalue().decode(),
                      streams.stderr.getvalue())

    def start(self, *argv, **environ):
        """Start the command as a process of its own."""
        process = subprocess.Popen(
            [sys.executable, '-m', 'prataiclient'] + list(argv),
            env=dict(self._environ(environ), PYTHONPATH=ROOT),
            cwd=self.directory, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def run_process(self, *argv, **environ):
        """Run the command as a process of its own to its end."""
        process = self.start(*argv, **environ)
        out, err = process.communicate()
        return Result(process.returncode, out, err)

    def ok(self, *argv, **arguments):
        """Run the command, which must succeed, and return its output."""
        result = self.pratai(*argv, **arguments)
        self.assertEqual(0, result.status, result.err)
        return result.out

    def fails(self, expected, *argv, status=1, **arguments):
        """Run the command, which must fail with one line like this."""
        result = self.pratai(*argv, **arguments)
        self.assertEqual(status, result.status, result.out)
        self.assertEqual('', result.out)
        self.assertRegex(result.err, expected)
        self.assertEqual(1, len(result.err.splitlines()), result.err)
