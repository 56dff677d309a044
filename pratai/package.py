# SPDX-License-Identifier: Apache-2.0
"""What a tenant uploads: a zip with ``new_module.py``, ``requirements.txt``.

The two files have to be at the root of the zip; everything else in it is
ignored, but has to be harmless: whoever downloads the package again should
be able to unpack it with any tool. Nothing is ever unpacked to disk here.
"""

import codecs
import dataclasses
import hashlib
import io
import posixpath
import re
import shlex
import stat
import struct
import unicodedata
import zipfile
import zlib

from pratai import exception
from pratai import zipcheck

MODULE = 'new_module.py'
REQUIREMENTS = 'requirements.txt'
WANTED = (MODULE, REQUIREMENTS)

CHUNK = 64 * 1024
# What tools add without being asked; never a reason to talk about folders.
JUNK_FOLDERS = ('__MACOSX',)
# What zipfile raises for damage that has not been seen before it read.
DAMAGE = (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError,
          RuntimeError, EOFError, OSError, ValueError, OverflowError,
          struct.error, zlib.error)

# PEP 263, and the encodings that Python takes by that name but that do not
# leave ASCII as it is: a line would mean one thing here, another there.
CODING = re.compile(rb'^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)')
BLANK = re.compile(rb'^[ \t\f]*(?:#.*)?$')
NOT_ASCII = frozenset(['idna', 'punycode', 'unicode-escape', 'utf-7',
                       'raw-unicode-escape', 'hz', 'undefined'])
BOMS = [(codecs.BOM_UTF8, 'utf-8'), (codecs.BOM_UTF32_LE, 'utf-32-le'),
        (codecs.BOM_UTF32_BE, 'utf-32-be'), (codecs.BOM_UTF16_LE, 'utf-16-le'),
        (codecs.BOM_UTF16_BE, 'utf-16-be')]


@dataclasses.dataclass
class Package:
    module: str         # source of new_module.py, without a byte order mark
    requirements: str   # text of requirements.txt
    sha256: str         # of the zip, hex
    size: int           # of the zip, bytes


def read(data, conf):
    """Check a package and take out what counts.

    :param data: the zip: bytes, or a file open for reading bytes.
    :param conf: options; the group ``limits`` bounds the package.
    :returns: :class:`Package`
    :raises PackageError: the only error there is; its code is one of
        package.*, its detail tells the user what to do.
    """
    limits = conf.limits
    if hasattr(data, 'read'):
        data = data.read(limits.max_package + 1)
    data = bytes(data)
    if len(data) > limits.max_package:
        raise exception.PackageTooLarge(
            'The package is larger than %s. Put only new_module.py and '
            'requirements.txt into it; name dependencies in '
            'requirements.txt.' % _size(limits.max_package))
    entries = zipcheck.entries(data, limits.max_package_files)
    if not entries:
        raise exception.PackageError(
            'The zip is empty. Put new_module.py and requirements.txt into '
            'it.', code='package.empty')
    names = _check_names(entries)
    _check_wanted(names)
    bounds = {MODULE: limits.max_module,
              REQUIREMENTS: limits.max_requirements}
    try:
        found = _unpack(data, entries, names, bounds,
                        limits.max_package_unpacked)
    except DAMAGE as error:
        raise exception.PackageError(
            'The zip is damaged: %s. Make it again and upload it again.'
            % zipcheck.show(str(error).rstrip('.')).strip('"')) from error
    return Package(module=_decode_module(found[MODULE]),
                   requirements=_decode_requirements(found[REQUIREMENTS]),
                   sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def encode_module(source):
    """:returns: the bytes of a module that Python reads as this source.

    It is what the coding line of the source says, UTF-8 without one.
    """
    return source.encode(_declared(source.encode('utf-8')) or 'utf-8')


def _check_names(entries):
    """:returns: the normalised name of each entry, None for a folder."""
    names = []
    seen = {}
    for entry in entries:
        _check_safe(entry)
        name = unicodedata.normalize('NFC', posixpath.normpath(entry.name))
        folder = entry.name.endswith('/')
        if folder and entry.size:
            raise exception.PackageError(
                'The zip is damaged: the folder %s has content. Make it '
                'again and upload it again.' % entry.shown)
        # A folder may be there twice, but not a file, nor one as the other.
        if name in seen and not (folder and seen[name]):
            raise exception.PackageError(
                'The zip has %s twice. Remove one.' % zipcheck.show(name),
                code='package.duplicate_name')
        seen[name] = folder
        names.append(None if folder else name)
    return names


def _check_safe(entry):
    name = entry.name
    problem = None
    if '\\' in name:
        problem = 'has a backslash in its name'
    elif re.match(r'[A-Za-z]:', name):
        problem = 'has the name of a drive in it'
    elif name.startswith('/'):
        problem = 'has an absolute name'
    elif '..' in name.split('/'):
        problem = 'leads out of the zip (..)'
    elif not name.strip('./') and not name.endswith('/'):
        problem = 'has no name'
    elif any(unicodedata.category(char) in ('Cc', 'Cs') for char in name):
        problem = 'has a control character in its name'
    if problem:
        raise exception.PackageError(
            'The member %s of the zip %s. Make the zip again from inside '
            'the folder with the files, with an ordinary zip tool.'
            % (entry.shown, problem), code='package.unsafe_path')
    kind = stat.S_IFMT(entry.mode)
    if kind == stat.S_IFLNK:
        raise exception.PackageError(
            '%s is a link. Put the file itself into the zip (zip follows '
            'links unless it is called with --symlinks).' % entry.shown,
            code='package.link')
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise exception.PackageError(
            '%s is a device, pipe or socket. Only files can be in a '
            'package.' % entry.shown, code='package.link')


def _check_wanted(names):
    """The two files are there, at the root."""
    files = [name for name in names
             if name and name.split('/')[0] not in JUNK_FOLDERS]
    for wanted in WANTED:
        if wanted in files:
            continue
        folders = [posixpath.dirname(name) for name in files
                   if posixpath.basename(name) == wanted]
        if folders:
            folder = min(folders, key=len)
            raise exception.PackageError(
                '%s is in the folder %s of the zip; it has to be at the '
                'root. Zip the files, not the folder: cd %s && zip '
                'package.zip new_module.py requirements.txt'
                % (wanted, zipcheck.show(folder), shlex.quote(folder[:100])),
                code='package.in_subdirectory')
        hint = ''
        for name in files:
            if name.lower() == wanted:
                hint = ' There is %s: rename it.' % zipcheck.show(name)
        if not hint and wanted == REQUIREMENTS:
            hint = ' Add one; it may be empty.'
        raise exception.PackageError(
            'The zip has no %s at its root.%s' % (wanted, hint),
            code='package.missing_file')


def _unpack(data, entries, names, bounds, budget):
    """Read every member, keep the wanted ones.

    All are read, as only that shows what a member unpacks to and whether it
    is whole.

    :param bounds: {wanted name: most bytes}
    :param budget: most bytes of all members together
    :returns: {wanted name: bytes}
    """
    found = {}
    total = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if ([member.header_offset for member in members]
                != [entry.offset for entry in entries]):
            raise ValueError('its members cannot be told apart')
        for member, name in zip(members, names, strict=True):
            if name is None:
                continue
            bound = bounds.get(name)
            content = [] if bound else None
            size = 0
            with archive.open(member) as source:
                while chunk := source.read(CHUNK):
                    size += len(chunk)
                    total += len(chunk)
                    if bound and size > bound:
                        raise exception.PackageTooLarge(
                            '%s is larger than %s.' % (name, _size(bound)))
                    if total > budget:
                        raise exception.PackageTooLarge(
                            'The zip unpacks to more than %s. Put only '
                            'new_module.py and requirements.txt into it.'
                            % _size(budget))
                    if bound:
                        content.append(chunk)
            if size != member.file_size:
                raise ValueError('%s is not as long as it says' % name)
            if bound:
                found[name] = b''.join(content)
    return found


def _bad_encoding(detail):
    return exception.PackageError(detail, code='package.bad_encoding')


def _declared(raw):
    """:returns: name of the encoding that a coding line declares, or None."""
    for line in raw.splitlines()[:2]:
        match = CODING.match(line)
        if match:
            return match.group(1)[:50].decode('ascii', 'replace')
        if not BLANK.match(line):
            return None
    return None


def _decode_module(raw):
    for bom, name in BOMS[1:]:
        if raw.startswith(bom):
            raise _bad_encoding(
                'new_module.py is in %s, which Python does not read. Save '
                'it as UTF-8.' % name.upper()[:6])
    if b'\0' in raw:
        raise _bad_encoding('new_module.py has NUL bytes in it: it is no '
                            'Python source. Save it as UTF-8 text.')
    marked = raw.startswith(codecs.BOM_UTF8)
    raw = raw.removeprefix(codecs.BOM_UTF8)
    name = _declared(raw) or 'utf-8'
    try:
        codec = codecs.lookup(name).name
    except (LookupError, ValueError) as error:
        raise _bad_encoding('new_module.py declares the encoding "%s", which '
                            'is not known.' % name) from error
    if marked and codec not in ('utf-8', 'utf-8-sig'):
        raise _bad_encoding(
            'new_module.py begins as UTF-8 (with a byte order mark), but '
            'declares the encoding "%s". Change that line.' % name)
    if not _keeps_ascii(codec):
        raise _bad_encoding('new_module.py declares the encoding "%s", which '
                            'is not for source code. Save it as UTF-8.'
                            % name)
    try:
        source = raw.decode(codec)
        same = encode_module(source).decode(codec) == source
    except ValueError as error:
        raise _bad_encoding(
            'new_module.py is not valid %s%s. Save it as UTF-8, or name its '
            'encoding in the first line: # -*- coding: latin-1 -*-'
            % (name.upper(), _line_of(raw, error))) from error
    if not same or '\0' in source:
        raise _bad_encoding('new_module.py cannot be kept in the encoding '
                            '"%s". Save it as UTF-8.' % name)
    return source


def _keeps_ascii(codec):
    # Another codec, or one that is for no text at all, would show another
    # program here than Python sees.
    plain = bytes(range(32, 127)) + b'\t\r\n\f'
    try:
        return (codec not in NOT_ASCII
                and plain.decode(codec) == plain.decode('ascii'))
    except (LookupError, ValueError):
        return False


def _line_of(raw, error):
    if isinstance(error, UnicodeDecodeError) and error.object == raw:
        return ' (line %d)' % (raw.count(b'\n', 0, error.start) + 1)
    return ''


def _decode_requirements(raw):
    name = 'utf-8'
    for bom, encoding in BOMS:
        # Windows' shells write UTF-16: pip freeze > requirements.txt
        if raw.startswith(bom):
            raw, name = raw[len(bom):], encoding
            break
    try:
        text = raw.decode(name)
    except UnicodeDecodeError as error:
        raise _bad_encoding('requirements.txt is not valid %s%s. Save it as '
                            'UTF-8.' % (name.upper(),
                                        _line_of(raw, error))) from error
    if '\0' in text:
        raise _bad_encoding('requirements.txt has NUL bytes in it. Save it '
                            'as UTF-8 text.')
    return text


def _size(number):
    if number >= 1 << 20:
        return '%g MB' % (number / (1 << 20))
    return '%d bytes' % number
