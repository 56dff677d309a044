# SPDX-License-Identifier: Apache-2.0
"""Zips for tests: good ones from zipfile, hostile ones byte by byte."""

import dataclasses
import io
import struct
import zipfile
import zlib

import testtools

from pratai import conf
from pratai import exception
from pratai import package

MAIN = 'def main(payload=None):\n    return payload\n'


def make(files=None, compression=zipfile.ZIP_DEFLATED, **more):
    """:returns: a good zip of {name or ZipInfo: str or bytes}."""
    if files is None:
        files = {'new_module.py': MAIN, 'requirements.txt': ''}
    files = dict(files, **more)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@dataclasses.dataclass
class Member:
    """A member whose every field can be made to lie; None: the truth."""

    name: bytes
    content: bytes = b''
    method: int = 8
    flags: int = 0
    mode: int = 0o100644
    crc: int | None = None
    size: int | None = None             # in the central directory
    packed: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    local_method: int | None = None
    offset: int | None = None           # where the directory says it is
    extra: bytes = b''                  # in the central directory
    needed: int = 20

    def data(self):
        if self.method != 8:
            return self.content
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return packer.compress(self.content) + packer.flush()


def either(value, truth):
    return truth if value is None else value


def handmade(*members, comment=b'', prefix=b'', suffix=b'', count=None,
             start=None, before_end=b''):
    """:returns: a zip of :class:`Member`, its end record as told."""
    body = prefix
    central = b''
    for member in members:
        data = member.data()
        crc = either(member.crc, zlib.crc32(member.content))
        size = either(member.size, len(member.content))
        packed = either(member.packed, len(data))
        offset = either(member.offset, len(body))
        name = either(member.local_name, member.name)
        body += struct.pack(
            '<4s5H3L2H', b'PK\x03\x04', 20, member.flags,
            either(member.local_method, member.method), 0, 33, crc, packed,
            either(member.local_size, size), len(name), 0) + name + data
        central += struct.pack(
            '<4s6H3L5H2L', b'PK\x01\x02', 3 << 8 | 20, member.needed,
            member.flags, member.method, 0, 33, crc, packed, size,
            len(member.name), len(member.extra), 0, 0, 0, member.mode << 16,
            offset) + member.name + member.extra
    count = either(count, len(members))
    return (body + central + before_end + struct.pack(
        '<4s4H2LH', b'PK\x05\x06', 0, 0, count, count, len(central),
        either(start, len(body)), len(comment)) + comment + suffix)


def zip64_end(count, size, start, position=None):
    """:returns: a zip64 end record with its locator."""
    position = either(position, start + size)
    return struct.pack(
        '<4sQ2H2L4Q4sLQL', b'PK\x06\x06', 44, 45, 45, 0, 0, count, count,
        size, start, b'PK\x06\x07', 0, position, 1)


def good(*more, **end):
    """:returns: a handmade zip with both files and more members."""
    return handmade(Member(b'new_module.py', MAIN.encode()),
                    Member(b'requirements.txt'), *more, **end)


def of_a_mac():
    """:returns: what the zip of a Mac has in it."""
    return {'new_module.py': '', 'requirements.txt': '', '.DS_Store': 'x',
            '__MACOSX/': '', '__MACOSX/._new_module.py': 'x'}


def unicode_name(raw):
    """:returns: the extra field that gives a member a second name."""
    return struct.pack('<2HBL', 0x7075, 5 + len(raw), 1, 0) + raw


class TestCase(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.conf = conf.new(files=[])

    def limit(self, **values):
        for name, value in values.items():
            self.conf.set_override(name, value, group='limits')

    def read(self, data):
        return package.read(data, self.conf)

    def refused(self, code, data, *words):
        error = self.assertRaises(exception.PackageError, self.read, data)
        self.assertEqual('package.' + code, error.code, error.detail)
        for word in words:
            self.assertIn(word, error.detail)
        return error
