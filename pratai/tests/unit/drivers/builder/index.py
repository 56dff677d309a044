# SPDX-License-Identifier: Apache-2.0
"""A package index in a folder, with small packages made for a test."""

import hashlib
import io
import os
import tarfile
import textwrap
import zipfile

METADATA = 'Metadata-Version: 2.1\nName: %s\nVersion: %s\n'
TAGS = 'py2.py3-none-any'

# A build backend that needs no other package. What is put in place of the
# comments runs where the code of a setup.py runs.
BACKEND = '''
import os, zipfile

NAME, VERSION = %r, %r
FILES = {}

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(directory, config_settings=None, metadata_directory=None):
%s
    files = dict(FILES)
    info = '%%s-%%s.dist-info/' %% (NAME, VERSION)
    files[info + 'METADATA'] = (
        'Metadata-Version: 2.1\\n'
        'Name: %%s\\nVersion: %%s\\n' %% (NAME, VERSION))
    files[info + 'WHEEL'] = (
        'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    files[info + 'RECORD'] = ''.join(
        '%%s,,\\n' %% name for name in sorted(files)) + info + 'RECORD,,\\n'
    wheel = '%%s-%%s-py3-none-any.whl' %% (NAME, VERSION)
    with zipfile.ZipFile(os.path.join(directory, wheel), 'w') as archive:
        for name in sorted(files):
            archive.writestr(name, files[name])
    return wheel
'''


class Index:
    """``<path>/simple`` is the index, ``<path>/files`` has the packages."""

    def __init__(self, path):
        self.path = path
        self.files = os.path.join(path, 'files')
        os.makedirs(self.files)
        self.simple = os.path.join(path, 'simple')
        os.makedirs(self.simple)

    @property
    def url(self):
        return 'file://' + self.simple

    def wheel(self, name, version='1.0', requires=(), files=None, tag=TAGS,
              extras=()):
        """Add a wheel with {name in it: content}; by default a module."""
        if files is None:
            files = {name + '.py': 'version = %r\n' % version}
        info = '%s-%s.dist-info/' % (name, version)
        files = dict(files)
        files[info + 'METADATA'] = METADATA % (name, version) + ''.join(
            'Requires-Dist: %s\n' % line for line in requires) + ''.join(
            'Provides-Extra: %s\n' % extra for extra in extras)
        files[info + 'WHEEL'] = (
            'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: %s\n' % tag)
        files[info + 'RECORD'] = ''.join(
            '%s,,\n' % path for path in files) + info + 'RECORD,,\n'
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        return self.add(name, '%s-%s-%s.whl' % (name, version, tag),
                        buffer.getvalue())

    def sdist(self, name, version='1.0', code='pass', requires=()):
        """Add a source distribution; ``code`` runs when it is built.

        The code can put text into FILES: a name in the wheel -> content.
        """
        code = textwrap.indent(textwrap.dedent(code), '    ')
        root = '%s-%s/' % (name, version)
        files = {
            root + 'PKG-INFO': METADATA % (name, version),
            root + 'pyproject.toml':
                '[build-system]\nrequires = []\nbuild-backend = "backend"\n'
                'backend-path = ["."]\n',
            root + 'backend.py': BACKEND % (name, version, code)}
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode='w:gz') as archive:
            for path, content in files.items():
                info = tarfile.TarInfo(path)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content.encode()))
        return self.add(name, '%s-%s.tar.gz' % (name, version),
                        buffer.getvalue())

    def add(self, name, file_name, data):
        """:returns: sha256 of the file, hex."""
        with open(os.path.join(self.files, file_name), 'wb') as target:
            target.write(data)
        folder = os.path.join(self.simple, name.replace('_', '-').lower())
        os.makedirs(folder, exist_ok=True)
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(folder, 'index.html'), 'a') as target:
            target.write('<a href="../../files/%s#sha256=%s">%s</a><br>\n'
                         % (file_name, digest, file_name))
        return digest
