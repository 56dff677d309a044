# SPDX-License-Identifier: Apache-2.0

import hashlib
import io
import shutil
import struct
import subprocess
import tempfile
import unicodedata
import zipfile

from pratai import exception
from pratai.tests.unit import zips

Member = zips.Member
NAMES = ('new_module.py', 'requirements.txt')


class TestRead(zips.TestCase):

    def test_the_two_files_count_and_nothing_else(self):
        data = zips.make({
            'new_module.py': zips.MAIN, 'requirements.txt': 'numpy\n',
            'other.py': 'import nothing', 'lib/': '', 'lib/new_module.py': '',
            'lib/requirements.txt': 'nothing'})
        found = self.read(data)
        self.assertEqual(zips.MAIN, found.module)
        self.assertEqual('numpy\n', found.requirements)
        self.assertEqual(hashlib.sha256(data).hexdigest(), found.sha256)
        self.assertEqual(len(data), found.size)

    def test_a_file_object(self):
        self.assertEqual(zips.MAIN, self.read(io.BytesIO(zips.make())).module)

    def test_stored(self):
        data = zips.make(compression=zipfile.ZIP_STORED)
        self.assertEqual(zips.MAIN, self.read(data).module)

    def test_handmade(self):
        self.assertEqual(zips.MAIN, self.read(zips.good()).module)

    def test_a_comment(self):
        self.assertEqual(zips.MAIN,
                         self.read(zips.good(comment=b'Made today')).module)

    def test_dot_slash(self):
        data = zips.make({'./' + name: '' for name in NAMES})
        self.assertEqual('', self.read(data).module)

    def test_junk_is_ignored(self):
        self.read(zips.make(zips.of_a_mac()))

    def test_folders_may_be_there_twice(self):
        self.read(zips.good(Member(b'lib/'), Member(b'lib/')))

    def test_a_zip_inside_is_not_confusing(self):
        inner = Member(b'inner.zip', zips.make(), method=0)
        self.assertEqual(zips.MAIN, self.read(zips.good(inner)).module)

    def test_sizes_after_the_data(self):
        class Pipe(io.BytesIO):
            def seekable(self):
                return False

            def tell(self):
                raise io.UnsupportedOperation

        buffer = Pipe()
        with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name in NAMES:
                archive.writestr(name, 'x = 1\n' * 100)
        self.assertEqual('x = 1\n' * 100, self.read(buffer.getvalue()).module)

    def test_zip64_of_one_member(self):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
            for name in NAMES:
                with archive.open(name, 'w', force_zip64=True) as target:
                    target.write(b'x = 1\n')
        self.assertEqual('x = 1\n', self.read(buffer.getvalue()).module)

    def test_zip64_end(self):
        plain = zips.good()
        size, start = struct.unpack_from('<2L', plain, len(plain) - 10)
        end = zips.zip64_end(2, size, start)
        self.assertEqual(zips.MAIN,
                         self.read(zips.good(before_end=end)).module)

    def test_a_second_name_for_more_than_ascii(self):
        name = 'caf\xe9.txt'
        extra = zips.unicode_name(name.encode())
        self.read(zips.good(Member(name.encode('cp437'), extra=extra)))
        self.read(zips.good(Member(b'caf\xff', extra=extra)))

    def test_made_by_the_zip_command(self):
        if not shutil.which('zip'):
            self.skipTest('there is no zip command')
        with tempfile.TemporaryDirectory() as folder:
            for name in NAMES:
                with open('%s/%s' % (folder, name), 'w') as target:
                    target.write('x = 1\n')
            for options in ([], ['-0'], ['-fz']):
                subprocess.run(['zip', '-q', *options, 'a.zip', *NAMES],
                               cwd=folder, check=True)
                with open(folder + '/a.zip', 'rb') as source:
                    self.assertEqual('x = 1\n', self.read(source).module)
            piped = subprocess.run(['zip', '-q', '-', *NAMES], cwd=folder,
                                   check=True, capture_output=True).stdout
            self.assertEqual('x = 1\n', self.read(piped).module)


class TestRefused(zips.TestCase):

    def test_not_a_zip(self):
        self.refused('not_a_zip', b'def main(): pass\n', 'into a zip')
        self.refused('not_a_zip', b'\x1f\x8b' + b'x' * 100, 'gzip')
        self.refused('not_a_zip', b'#!/bin/sh\n' + zips.make())

    def test_empty(self):
        self.refused('empty', b'')
        self.refused('empty', zips.make({}))
        self.refused('empty', zips.handmade())

    def test_missing_file(self):
        self.refused('missing_file', zips.make({'requirements.txt': ''}),
                     'no new_module.py')
        self.refused('missing_file', zips.make({'new_module.py': ''}),
                     'no requirements.txt', 'may be empty')
        self.refused('missing_file', zips.make(
            {'New_Module.py': '', 'requirements.txt': ''}), 'rename')
        self.refused('missing_file', zips.make(
            {'new_module.py/': '', 'requirements.txt': ''}))
        self.refused('missing_file', zips.make({
            'requirements.txt': '', '__MACOSX/new_module.py': ''}))

    def test_in_a_folder(self):
        self.refused('in_subdirectory', zips.make(
            {'package/' + name: '' for name in NAMES}), '"package"',
            'Zip the files, not the folder', 'cd package')
        self.refused('in_subdirectory', zips.make(
            {'a/b/new_module.py': '', 'requirements.txt': ''}), '"a/b"')
        self.refused('in_subdirectory', zips.make(
            {'new_module.py': '', 'a/requirements.txt': ''}), '"a"')

    def test_unsafe_names(self):
        for name in (b'../x', b'a/../../x', b'..', b'a/..', b'/etc/passwd',
                     b'//x', b'..\\x', b'a\\b', b'C:/x', b'c:x', b'',
                     b'a\0b', b'new_module.py\0.txt', b'a\nb', b'.'):
            self.refused('unsafe_path', zips.good(Member(name)))
        folder = b'../../'
        self.refused('unsafe_path', zips.good(Member(folder)))

    def test_links_and_devices(self):
        for mode in (0o120777, 0o020666, 0o010644, 0o140755, 0o060644):
            self.refused('link', zips.good(
                Member(b'x', b'/etc/passwd', mode=mode)))
        self.refused('link', zips.handmade(
            Member(b'new_module.py', b'/etc/passwd', mode=0o120777),
            Member(b'requirements.txt')), 'new_module.py')

    def test_duplicate_names(self):
        composed = unicodedata.normalize('NFC', 'e\u0301').encode()
        split = unicodedata.normalize('NFD', '\xe9').encode()
        for first, second in (
                (b'x', b'x'), (b'x', b'./x'), (b'a/x', b'a//x'),
                (b'a/x', b'a/./x'), (b'x', b'x/'), (b'x/', b'x'),
                (composed, split)):
            self.refused('duplicate_name', zips.good(
                Member(first, flags=0x800), Member(second, flags=0x800)))
        self.refused('duplicate_name',
                     zips.good(Member(b'./new_module.py')), 'new_module.py')

    def test_encrypted(self):
        for flags in (1, 0x41, 0x2000):
            self.refused('encrypted', zips.good(
                Member(b'x', b'secret', flags=flags)), '"x"', 'password')

    def test_encrypted_for_real(self):
        if not shutil.which('zip'):
            self.skipTest('there is no zip command')
        with tempfile.TemporaryDirectory() as folder:
            for name in NAMES:
                with open('%s/%s' % (folder, name), 'w') as target:
                    target.write('x = 1\n')
            subprocess.run(['zip', '-q', '-P', 'x', 'a.zip', *NAMES],
                           cwd=folder, check=True)
            with open(folder + '/a.zip', 'rb') as source:
                self.refused('encrypted', source)

    def test_methods(self):
        for method in (1, 6, 9, 12, 14, 93, 99):
            self.refused('unsupported', zips.good(
                Member(b'x', b'y', method=method)), str(method))
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            self.refused('unsupported', zips.make(compression=method))
        self.refused('unsupported', zips.good(Member(b'x', flags=0x20)))

    def test_newer_than_known(self):
        self.refused('corrupt', zips.good(Member(b'x', needed=255)))

    def test_damage(self):
        good = zips.make({'new_module.py': zips.MAIN * 50,
                          'requirements.txt': 'numpy'})
        self.refused('corrupt', good[:-1], 'cut off')
        self.refused('corrupt', good[:100], 'its end is missing')
        self.refused('corrupt', good + b'\0', 'after its end')
        broken = bytearray(good)
        broken[50] ^= 0xff
        self.refused('corrupt', bytes(broken))

    def test_every_length_of_a_truncated_zip(self):
        good = zips.good(comment=b'comment')
        for length in range(len(good)):
            error = self.assertRaises(exception.PackageError, self.read,
                                      good[:length])
            self.assertIn(error.code, ('package.corrupt', 'package.empty',
                                       'package.not_a_zip'))

    def test_wrong_checksum(self):
        self.refused('corrupt', zips.good(Member(b'xyz', b'y', crc=1)),
                     'xyz')

    def test_lies_about_sizes(self):
        bomb = b'\0' * 100000
        for size in (0, 10, 99999, 100001, 1 << 31):
            self.refused('corrupt', zips.good(Member(b'x', bomb, size=size)))
        self.refused('corrupt', zips.good(Member(b'x', bomb, packed=1 << 30)))
        self.refused('corrupt', zips.good(Member(b'x', bomb, packed=5)))
        self.refused('corrupt', zips.good(
            Member(b'x', bomb, method=0, size=10)))
        self.refused('ambiguous', zips.good(Member(b'x', bomb, local_size=1)))

    def test_a_member_is_the_same_in_both_headers(self):
        self.refused('ambiguous', zips.good(Member(b'x', local_name=b'y')))
        self.refused('ambiguous', zips.good(Member(b'x', local_method=0)))

    def test_two_names(self):
        self.refused('ambiguous', zips.good(
            Member(b'x', extra=zips.unicode_name(b'new_module.py'))))
        self.refused('ambiguous', zips.good(
            Member(b'x', extra=zips.unicode_name(b'\xff'))))
        self.refused('ambiguous', zips.good(
            Member(b'x', extra=zips.unicode_name(b'x') * 2)))

    def test_a_name_that_is_not_utf8(self):
        self.refused('corrupt', zips.good(Member(b'\xff', flags=0x800)))

    def test_overlap(self):
        self.refused('corrupt', zips.good(
            Member(b'new_module.py', zips.MAIN.encode(), offset=0)),
            'overlaps')
        # As zip bombs do it: each member has the next one as its content.
        inner = zips.handmade(Member(b'b', b'x' * 1000, method=0))
        stored = inner[:inner.index(b'PK\x01\x02')]
        self.refused('corrupt', zips.handmade(
            Member(b'a', stored, method=0),
            Member(b'b', b'x' * 1000, method=0, offset=31)), 'overlaps')

    def test_too_large(self):
        self.limit(max_package=1024)
        error = self.refused('too_large', zips.make(
            {'new_module.py': '', 'requirements.txt': '', 'x': b'y' * 2000},
            compression=zipfile.ZIP_STORED), '1024 bytes')
        self.assertEqual(413, error.status)

    def test_unpacks_to_too_much(self):
        self.limit(max_package_unpacked=100000)
        self.read(zips.good(Member(b'x', b'\0' * 99000)))
        self.refused('too_large', zips.good(Member(b'x', b'\0' * 100001)),
                     '100000 bytes')
        self.refused('too_large', zips.good(
            *[Member(b'%d' % n, b'\0' * 1000) for n in range(101)]))

    def test_a_module_too_large(self):
        self.limit(max_module=1024, max_requirements=256)
        self.refused('too_large', zips.make(
            {'new_module.py': '#' * 1025, 'requirements.txt': ''}),
            'new_module.py')
        self.refused('too_large', zips.make(
            {'new_module.py': '#' * 1024, 'requirements.txt': '#' * 257}),
            'requirements.txt')
        self.read(zips.make(
            {'new_module.py': '#' * 1024, 'requirements.txt': '#' * 256}))

    def test_too_many_members(self):
        self.limit(max_package_files=10)
        more = [Member(b'%d' % n) for n in range(8)]
        self.read(zips.good(*more))
        self.refused('too_many_files', zips.good(*more, Member(b'x')), '11')
        self.refused('corrupt', zips.good(*more, Member(b'x'), count=3))
        self.refused('corrupt', zips.good(count=3))

    def test_two_ends(self):
        other = zips.handmade(Member(b'new_module.py', b'evil'),
                              Member(b'requirements.txt'))
        self.refused('ambiguous', zips.good(comment=other), 'second end')
        self.refused('corrupt', zips.good(suffix=other))
        self.refused('ambiguous',
                     zips.good(comment=b'PK\x05\x06' + b'x' * 30))

    def test_something_before_it(self):
        self.refused('corrupt', zips.make() + zips.make())
        self.refused('corrupt', zips.good(
            start=10), 'not where it should be')

    def test_zip64_lies(self):
        plain = zips.good()
        size, start = struct.unpack_from('<2L', plain, len(plain) - 10)
        for code, end in (
                ('ambiguous', zips.zip64_end(3, size, start)),
                ('ambiguous', zips.zip64_end(2, size - 1, start + 1)),
                ('ambiguous', zips.zip64_end(2, size, 1 << 60,
                                            start + size)),
                ('corrupt', zips.zip64_end(2, size, start, position=0)),
                ('corrupt', zips.zip64_end(2, size, start, 1 << 60)),
                ('corrupt', zips.zip64_end(2, size, start)[56:])):
            self.refused(code, zips.good(before_end=end))
        wide = struct.pack('<2HQ', 1, 8, 1 << 60)
        self.refused('corrupt', zips.good(
            Member(b'x', size=0xffffffff, extra=wide)))
        self.refused('corrupt', zips.good(Member(b'x', size=0xffffffff)))

    def test_a_folder_with_content(self):
        self.refused('corrupt', zips.good(Member(b'x/', b'y')), 'folder')
