# SPDX-License-Identifier: Apache-2.0
"""What a build does inside a sandbox, with the interpreter of the runtime.

One file, for Python 2.7 and 3, that needs nothing but the standard library::

    inside.py check FILE
    inside.py download LIB ARGUMENT ...
    inside.py wheel LIB ARGUMENT ...
    inside.py unpack LIB OUT WHEEL
    inside.py compile FOLDER

``check`` compiles a module and exits with 3 after a readable last line when
its syntax is wrong. ``download`` and ``wheel`` are those of pip, the first
without any way to start another program, so that no code of a package can
run. ``unpack`` installs a wheel into the folder OUT and compiles it, as
``compile`` does with any folder.

LIB is a folder that has a pip, or "-" for the interpreter's own; without
either the exit code is 4.
"""

import os
import sys

SYNTAX, NO_PIP = 3, 4
JOBS = 2
FEW = 20        # files that one process compiles as soon as several
PROGRAM_EVENTS = frozenset([
    'subprocess.Popen', 'os.exec', 'os.fork', 'os.forkpty', 'os.posix_spawn',
    'os.spawn', 'os.system'])


def check(path):
    """:returns: exit code."""
    import py_compile
    import traceback
    name = os.path.basename(path)
    try:
        py_compile.compile(path, dfile=name, doraise=True)
        return 0
    except py_compile.PyCompileError as error:
        problem = error.exc_value
    except Exception as error:
        problem = error
    line = getattr(problem, 'lineno', None)
    if isinstance(problem, SyntaxError):
        sys.stdout.write(''.join(
            traceback.format_exception_only(type(problem), problem)))
        text = problem.msg
    else:
        text = '%s: %s' % (type(problem).__name__,
                           str(problem) or 'it is too complex to compile')
    sys.stdout.write('%s%s: %s\n' % (
        name, ', line %d' % line if line else '', text))
    sys.stdout.flush()
    return SYNTAX


def no_programs():
    """From now on no other program can be started by this one."""
    def refuse(event, arguments=None):
        if event in PROGRAM_EVENTS:
            raise OSError(1, 'Programs are not allowed while downloading')

    if hasattr(sys, 'addaudithook'):
        sys.addaudithook(refuse)
        return
    import subprocess

    def popen(*args, **kwargs):
        refuse('subprocess.Popen')

    subprocess.Popen = popen


def find_pip(lib):
    """Make pip importable; it ends the program if there is none."""
    if lib != '-':
        sys.path.insert(0, lib)
    try:
        import pip
        return pip
    except ImportError:
        sys.stdout.write('There is no pip\n')
        sys.stdout.flush()
        sys.exit(NO_PIP)


def pip(*arguments):
    """Run pip; it ends the program."""
    import runpy
    sys.argv = ['pip'] + list(arguments)
    runpy.run_module('pip', run_name='__main__', alter_sys=True)


def fork(function, *arguments):
    """:returns: id of a process that runs the function and ends."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        code = function(*arguments) or 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else bool(error.code)
    except BaseException:
        import traceback
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(int(code))


def unpack(out, wheel):
    """:returns: exit code."""
    fork(pip, 'install', '--no-index', '--no-deps', '--no-compile',
         '--no-cache-dir', '--no-input', '--progress-bar', 'off', '--quiet',
         '--target', out, wheel)
    if os.wait()[1]:
        return 1
    return compile_folder(out)


def compile_folder(path):
    """:returns: exit code, always 0.

    A file that cannot be compiled is none of our business: it may be for
    another version of Python, and nobody may ever import it.
    """
    files = sorted(os.path.join(folder, name)
                   for folder, _, names in os.walk(path) for name in names
                   if name.endswith('.py'))
    jobs = JOBS if len(files) > FEW else 1
    for start in range(jobs):
        fork(compile_files, files[start::jobs])
    for _ in range(jobs):
        os.wait()
    return 0


def compile_files(files):
    import compileall
    import warnings
    warnings.simplefilter('ignore')
    quiet = 2 if sys.version_info[0] > 2 else 1
    if quiet == 1:
        sys.stdout = open(os.devnull, 'w')
    for path in files:
        compileall.compile_file(path, quiet=quiet)


def main(command, *arguments):
    if command == 'check':
        return check(*arguments)
    if command == 'compile':
        return compile_folder(*arguments)
    arguments = list(arguments)
    find_pip(arguments.pop(0))
    if command == 'unpack':
        return unpack(*arguments)
    if command == 'download':
        no_programs()
    return pip(command, *arguments)


if __name__ == '__main__':
    if sys.version_info[0] == 2 and sys.path[:1] == [
            os.path.dirname(os.path.abspath(__file__))]:
        # Python 3 is started with -I, which leaves our folder out.
        del sys.path[0]
    sys.exit(main(*sys.argv[1:]))
