# SPDX-License-Identifier: Apache-2.0
"""The ``pratai`` command."""

import os
import sys

_SIGINT_EXIT = 130
_SIGPIPE_EXIT = 141


def main(argv=None):
    """Run one command.

    :returns: the exit status
    """
    try:
        # NOTE: imported here, since Ctrl-C during the import is Ctrl-C too.
        from prataiclient import shell
        # A character that the terminal does not know is no reason to fail.
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, 'reconfigure'):
                stream.reconfigure(errors='backslashreplace')
        status = shell.PrataiShell().run(
            sys.argv[1:] if argv is None else argv)
        # NOTE: here rather than at exit, where an error is a traceback.
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _SIGINT_EXIT
    except BrokenPipeError:
        _drop_stdout()
        return _SIGPIPE_EXIT
    except OSError as exc:
        _drop_stdout()
        print('Cannot write the output: %s' % (exc.strerror or exc),
              file=sys.stderr)
        return 1


def _drop_stdout():
    """Keep the interpreter from trying again to write what is left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == '__main__':
    sys.exit(main())
