# SPDX-License-Identifier: Apache-2.0
"""Packages: the zip files that functions are made from."""

import io
import os
import zipfile

from prataiclient import exceptions

MODULE = 'new_module.py'
REQUIREMENTS = 'requirements.txt'


def zip_directory(path):
    """Zip the two files of a directory that make a function.

    :returns: the zip as bytes, the same ones for the same files
    :raises: InvalidInput where one of the files is missing
    """
    if not os.path.isdir(path):
        raise exceptions.InvalidInput("There is no directory '%s'" % path)
    hints = {
        MODULE: 'it has to define main(payload)',
        REQUIREMENTS: 'an empty one is fine',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as target:
        for name, hint in hints.items():
            filename = os.path.join(path, name)
            if not os.path.exists(filename):
                raise exceptions.InvalidInput('%s is missing; %s'
                                              % (filename, hint))
            try:
                with open(filename, 'rb') as f:
                    content = f.read()
            except OSError as exc:
                raise exceptions.InvalidInput('Cannot read %s: %s' % (
                    filename, exc.strerror))
            # NOTE: ZipInfo's own date, so that equal files give equal zips.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            target.writestr(info, content)
    return buffer.getvalue()


def check_zip(path):
    """See that there is a file to send; what is in it the server judges.

    :raises: InvalidInput
    """
    if os.path.isdir(path):
        raise exceptions.InvalidInput(
            "'%s' is a directory; --source %s zips what is in it"
            % (path, path))
    if not os.path.exists(path):
        raise exceptions.InvalidInput("There is no file '%s'" % path)
