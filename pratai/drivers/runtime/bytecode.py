# SPDX-License-Identifier: Apache-2.0
"""The Python runner, compiled once for each interpreter.

Compiling it whenever an instance starts takes a third of that start, and
leaves 3 MB behind in the runner that every fork has to copy the tables of.
"""

import contextlib
import hashlib
import logging
import os
import subprocess

LOG = logging.getLogger(__name__)

SECONDS = 20
COMPILE = ('import py_compile, sys; '
           'py_compile.compile(sys.argv[1], sys.argv[2], "runner.py", True)')


def compiled(source, directory, interpreter, fingerprint):
    """Compile a program for an interpreter, unless that was done before.

    Blocks for some 100 ms.

    :param source: path of the program.
    :param directory: where the result goes; made when it is missing.
    :param fingerprint: str, another one for each interpreter.
    :returns: path of the bytecode, readable for everybody; that of the
        source where it cannot be compiled, which is only slower.
    """
    with open(source, 'rb') as f:
        key = hashlib.sha256(f.read() + fingerprint.encode()).hexdigest()
    path = os.path.join(directory, 'runner-%s.pyc' % key[:32])
    if os.path.exists(path):
        return path
    temporary = '%s.%d' % (path, os.getpid())
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        subprocess.run([interpreter, '-E', '-s', '-S', '-c', COMPILE, source,
                        temporary], timeout=SECONDS, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (OSError, subprocess.SubprocessError) as e:
        LOG.warning('%s does not compile the runner, its instances start '
                    'slower: %s', interpreter, e)
        with contextlib.suppress(OSError):
            os.remove(temporary)
        return source
    return path
