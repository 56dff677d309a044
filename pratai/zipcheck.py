# SPDX-License-Identifier: Apache-2.0
"""The structure of a zip, judged before anything is unpacked.

Readers of zips differ in what they believe: the first or the last end
record, the directory or the headers before the data, the names in one or the
other. Python's zipfile is a forgiving reader. So that a package means the
same to everybody, one that could be read in two ways is refused here, and so
are those that are damaged or out of bounds.

The format is that of PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

import dataclasses
import struct

from pratai import exception

END = b'PK\x05\x06'
END64 = b'PK\x06\x06'
LOCATOR64 = b'PK\x06\x07'
CENTRAL = b'PK\x01\x02'
LOCAL = b'PK\x03\x04'

_END = struct.Struct('<4s4H2LH')
_END64 = struct.Struct('<4sQ2H2L4Q')
_LOCATOR64 = struct.Struct('<4sLQL')
_CENTRAL = struct.Struct('<4s6H3L5H2L')
_LOCAL = struct.Struct('<4s5H3L2H')

FLAG_ENCRYPTED = 1 << 0
FLAG_DESCRIPTOR = 1 << 3    # sizes follow the data; the local header has none
FLAG_PATCH = 1 << 5
FLAG_STRONG = 1 << 6
FLAG_UTF8 = 1 << 11
FLAG_MASKED = 1 << 13
ENCRYPTED = FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED

STORED, DEFLATED = 0, 8
MAX16, MAX32 = 0xffff, 0xffffffff
EXTRA_ZIP64, EXTRA_UNICODE_NAME = 0x0001, 0x7075

# What other archives begin with, to tell a user what was sent.
MAGIC = [(b'\x1f\x8b', 'gzip (.tar.gz)'), (b'BZh', 'bzip2'),
         (b'\xfd7zXZ', 'xz'), (b'7z\xbc\xaf', '7z'), (b'Rar!', 'rar')]


@dataclasses.dataclass
class Entry:
    """One member, as the central directory has it. Sizes in bytes."""

    name: str
    flags: int
    method: int
    packed: int
    size: int
    mode: int       # Unix mode bits, 0 when there are none
    offset: int     # of the local header
    end: int = 0    # of the data

    @property
    def shown(self):
        """The name as it can be shown to a person."""
        return show(self.name)


def show(name):
    """:returns: a name that fits into a message, in quotation marks."""
    if len(name) > 100:
        name = name[:100] + '...'
    return '"%s"' % ''.join(
        char if char.isprintable() else '\ufffd' for char in name)


def _corrupt(detail):
    return exception.PackageError(
        'The zip is damaged: %s. Make it again and upload it again.' % detail)


def _ambiguous(detail):
    return exception.PackageError(
        'The zip could be read in two ways: %s. Make it again with an '
        'ordinary zip tool.' % detail, code='package.ambiguous')


def _not_a_zip(data):
    detail = 'The package is not a zip file'
    for magic, name in MAGIC:
        if data.startswith(magic):
            detail = 'The package is a %s file, not a zip file' % name
    return exception.PackageError(
        detail + ': put new_module.py and requirements.txt into a zip.',
        code='package.not_a_zip')


def entries(data, max_files):
    """Check the structure of a zip.

    :param data: the whole zip, bytes.
    :param max_files: most members there may be.
    :returns: list of :class:`Entry`, in the order of the central directory.
    :raises PackageError: for what is no zip, damaged, ambiguous, encrypted,
        compressed in a way that not everybody can read, or has too many
        members.
    """
    if not data:
        raise exception.PackageError('The package is empty: 0 bytes came.',
                                     code='package.empty')
    if not data.startswith((LOCAL, END)):
        raise _not_a_zip(data)
    try:
        count, start, stop = _find_directory(data)
        if count > max_files:
            raise exception.PackageError(
                'The zip has %d members, more than the %d that are allowed. '
                'Put only new_module.py and requirements.txt into it.'
                % (count, max_files), code='package.too_many_files')
        found = _directory(data, count, start, stop)
        for entry in found:
            _check_local(data, entry, start)
    except struct.error as error:
        raise _corrupt('a record is cut off') from error
    _check_overlap(found)
    return found


def _find_directory(data):
    """:returns: (number of members, start, end of the central directory)."""
    position = data.rfind(END, max(0, len(data) - _END.size - MAX16))
    if position < 0:
        raise _corrupt('its end is missing (%d bytes came)' % len(data))
    # Each place that another reader could take for the end of this zip.
    ends = []
    candidate = position
    while candidate >= 0:
        tail = len(data) - candidate - _END.size
        if tail >= 0 and tail == _END.unpack_from(data, candidate)[7]:
            ends.append(candidate)
        candidate = data.rfind(END, max(0, len(data) - _END.size - MAX16),
                               candidate + 3)
    if not ends:
        raise _corrupt('there is something after its end, or its end is cut '
                       'off')
    if ends != [position]:
        raise _ambiguous('its comment holds a second end')
    (_, disk, first_disk, here, count, size, start,
     _) = _END.unpack_from(data, position)
    stop = position
    if data.startswith(LOCATOR64, max(0, position - _LOCATOR64.size)):
        stop, wide = _zip64_end(data, position)
        claimed = (disk, first_disk, here, count, size, start)
        for narrow, actual, marker in zip(
                claimed, wide, (MAX16, MAX16, MAX16, MAX16, MAX32, MAX32),
                strict=True):
            if narrow not in (actual, marker):
                raise _ambiguous('its two end records contradict each other')
        disk, first_disk, here, count, size, start = wide
    if disk or first_disk or here != count:
        raise _corrupt('it is a part of a zip that was split')
    if start + size != stop:
        raise _corrupt('the list of its members is not where it should be')
    return count, start, stop


def _zip64_end(data, position):
    """:returns: (its position, the fields that replace those of the end)."""
    where = position - _LOCATOR64.size - _END64.size
    _, disk, offset, disks = _LOCATOR64.unpack_from(
        data, position - _LOCATOR64.size)
    if where < 0 or offset != where or disk or disks > 1:
        raise _corrupt('its zip64 end is not where it should be')
    (sign, length, _, _, number, first, here, count, size,
     start) = _END64.unpack_from(data, where)
    if sign != END64 or length != _END64.size - 12:
        raise _corrupt('its zip64 end is not where it should be')
    return where, (number, first, here, count, size, start)


def _directory(data, count, start, stop):
    found = []
    position = start
    for _ in range(count):
        if position + _CENTRAL.size > stop:
            raise _corrupt('the list of its members is cut off')
        (sign, _, _, flags, method, _, _, _, packed, size, name_length,
         extra_length, comment_length, _, _, attributes,
         offset) = _CENTRAL.unpack_from(data, position)
        if sign != CENTRAL:
            raise _corrupt('the list of its members is broken')
        name_start = position + _CENTRAL.size
        extra_start = name_start + name_length
        position = extra_start + extra_length + comment_length
        if position > stop:
            raise _corrupt('the list of its members is cut off')
        raw_name = data[name_start:extra_start]
        extras = _extras(data[extra_start:extra_start + extra_length])
        name = _decode_name(raw_name, flags)
        other = extras.get(EXTRA_UNICODE_NAME)
        if other is not None and not _same_name(name, other[5:]):
            raise _ambiguous('a member has two names')
        size, packed, offset = _widen(extras, size, packed, offset)
        found.append(Entry(name, flags, method, packed, size,
                           attributes >> 16, offset))
    if position != stop:
        raise _corrupt('the list of its members is longer than its end says')
    return found


def _extras(raw):
    """:returns: {id: bytes} of an extra field."""
    found = {}
    position = 0
    while position + 4 <= len(raw):
        kind, length = struct.unpack_from('<2H', raw, position)
        position += 4
        if position + length > len(raw):
            raise _corrupt('a member has a broken extra field')
        if kind in (EXTRA_ZIP64, EXTRA_UNICODE_NAME) and kind in found:
            raise _ambiguous('a member has two extra fields of one kind')
        found[kind] = raw[position:position + length]
        position += length
    return found


def _widen(extras, *values):
    """Replace those values that are in the zip64 extra field, in order."""
    wide = extras.get(EXTRA_ZIP64, b'')
    result = []
    for value in values:
        if value == MAX32:
            value = struct.unpack_from('<Q', wide)[0]
            wide = wide[8:]
        result.append(value)
    return result


def _decode_name(raw, flags):
    try:
        return raw.decode('utf-8' if flags & FLAG_UTF8 else 'cp437')
    except UnicodeDecodeError as error:
        raise _corrupt('the name of a member is not valid UTF-8') from error


def _same_name(name, raw):
    """Whether a second name, in UTF-8, may stand beside the first.

    Tools add it for names beyond ASCII, whose first form is an approximation.
    """
    try:
        other = raw.decode('utf-8')
    except UnicodeDecodeError:
        return False
    return other == name or not (other.isascii() or name.isascii())


def _check_local(data, entry, directory):
    """The header before the data has to say what the directory says."""
    if entry.offset + _LOCAL.size > directory:
        raise _corrupt('%s is not where it should be' % entry.shown)
    (sign, _, flags, method, _, _, _, packed, size, name_length,
     extra_length) = _LOCAL.unpack_from(data, entry.offset)
    if sign != LOCAL:
        raise _corrupt('%s is not where it should be' % entry.shown)
    if (flags | entry.flags) & ENCRYPTED:
        raise exception.PackageError(
            '%s is encrypted. Make the zip without a password.'
            % entry.shown, code='package.encrypted')
    if entry.method not in (STORED, DEFLATED) or entry.flags & FLAG_PATCH:
        raise exception.PackageError(
            '%s is compressed with a method (%d) that is not supported. '
            'Make the zip with the ordinary method, deflate.'
            % (entry.shown, entry.method), code='package.unsupported')
    start = entry.offset + _LOCAL.size + name_length + extra_length
    raw_name = data[entry.offset + _LOCAL.size:][:name_length]
    if (method != entry.method or flags & FLAG_UTF8 != entry.flags & FLAG_UTF8
            or _decode_name(raw_name, flags) != entry.name):
        raise _ambiguous('%s is not the same in its two headers'
                         % entry.shown)
    if not flags & FLAG_DESCRIPTOR and (
            packed not in (entry.packed, MAX32)
            or size not in (entry.size, MAX32)):
        raise _ambiguous('%s has two sizes' % entry.shown)
    if entry.method == STORED and entry.packed != entry.size:
        raise _corrupt('%s has a wrong size' % entry.shown)
    entry.end = start + entry.packed
    if entry.end > directory:
        raise _corrupt('%s is cut off' % entry.shown)


def _check_overlap(found):
    end = 0
    for entry in sorted(found, key=lambda entry: entry.offset):
        if entry.offset < end:
            raise _corrupt('%s overlaps with another member'
                           % entry.shown)
        end = entry.end
