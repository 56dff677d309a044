# SPDX-License-Identifier: Apache-2.0
"""Makes a function of a directory, calls it, and shows what it wrote."""

import sys

from prataiclient import connect
from prataiclient import exceptions
from prataiclient import package


def main(directory, text):
    pratai = connect.client()                   # from the OS_* variables
    try:
        function = pratai.functions.find('words')
    except exceptions.NotFound:
        function = pratai.functions.create(
            'words', package.zip_directory(directory), timeout=10)
    function = pratai.functions.wait(function.id, on_log=sys.stderr.write)
    execution = pratai.functions.execute(function, text, wait=True)
    print(execution.response)
    for piece in pratai.requests.follow(execution.request_id):
        print(piece.logs, end='')


if __name__ == '__main__':
    try:
        main(*sys.argv[1:])
    except exceptions.PrataiError as exc:
        sys.exit('%s: %s' % (exc.title, exc))
