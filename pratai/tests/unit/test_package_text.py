# SPDX-License-Identifier: Apache-2.0

import codecs

from pratai import package
from pratai.tests.unit import zips


class TestText(zips.TestCase):

    def module(self, raw):
        return zips.make({'new_module.py': raw, 'requirements.txt': ''})

    def requirements(self, raw):
        return zips.make({'new_module.py': '', 'requirements.txt': raw})

    def test_module(self):
        for raw, source in (
                (b'x = "\xc3\xa9"\n', 'x = "\xe9"\n'),
                (codecs.BOM_UTF8 + b'x = 1\n', 'x = 1\n'),
                (codecs.BOM_UTF8 + b'# coding: utf-8\n', '# coding: utf-8\n'),
                (b'x = 1\r\ny = 2\r\n', 'x = 1\r\ny = 2\r\n'),
                (b'# -*- coding: latin-1 -*-\nx = "\xe9"',
                 '# -*- coding: latin-1 -*-\nx = "\xe9"'),
                (b'#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n#\x80',
                 '#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n'
                 '#\u20ac'),
                (b'# \xe9\n# coding: latin-1\n',
                 '# \xe9\n# coding: latin-1\n'),
                (b'', '')):
            self.assertEqual(source, self.read(self.module(raw)).module)

    def test_module_is_written_as_it_was_read(self):
        for raw in (b'x = "\xc3\xa9"\n', b'# coding: latin-1\n"\xe9"',
                    b'\n# coding: shift_jis\n"\x83\x5c"\r\n'):
            source = self.read(self.module(raw)).module
            self.assertEqual(raw, package.encode_module(source))

    def test_module_that_cannot_be_read(self):
        for raw, words in (
                (b'x = 1\nx = "\xe9"', ('UTF-8', 'line 2', 'coding')),
                ('x'.encode('utf-16'), ('UTF-16', 'Save it as UTF-8')),
                ('x'.encode('utf-32'), ('UTF-32',)),
                (b'x = 1\0', ('NUL',)),
                (b'# coding: nonsense', ('nonsense',)),
                (b'# coding: rot13', ('rot13',)),
                (b'# coding: zlib', ('zlib',)),
                (b'# coding: utf-7\n+AAA-', ('utf-7',)),
                (b'# coding: utf-16', ('utf-16',)),
                (b'# coding: utf-32', ('utf-32',)),
                (b'# coding: unicode_escape\n\\x00', ('unicode_escape',)),
                (b'# coding: cp037', ('cp037',)),
                (b'# coding: ascii\n\xe9', ('ASCII', 'line 2')),
                (codecs.BOM_UTF8 + b'# coding: latin-1', ('latin-1',))):
            self.refused('bad_encoding', self.module(raw), *words)

    def test_requirements(self):
        for raw in (b'numpy\n', codecs.BOM_UTF8 + b'numpy\n',
                    'numpy\n'.encode('utf-16'), 'numpy\n'.encode('utf-32'),
                    codecs.BOM_UTF16_BE + 'numpy\n'.encode('utf-16-be')):
            self.assertEqual('numpy\n',
                             self.read(self.requirements(raw)).requirements)

    def test_requirements_that_cannot_be_read(self):
        for raw in (b'# \xe9', b'a\0b', codecs.BOM_UTF16_LE + b'x'):
            self.refused('bad_encoding', self.requirements(raw))
