# SPDX-License-Identifier: Apache-2.0

import testtools

from pratai import exception
from pratai.drivers.builder import requirements

A, B = 'a' * 64, 'b' * 64

ACCEPTED = [
    ('', []),
    ('\n# only a comment\n  \n', []),
    ('numpy', ['numpy']),
    ('numpy\r\n', ['numpy']),
    ('Foo_Bar.baz', ['foo-bar-baz']),
    ('foo [ B_c, a ] >= 1 , < 2  # why', ['foo[a,b-c]<2,>=1']),
    ('foo (>=1)', ['foo>=1']),
    ('foo==1.0.*', ['foo==1.0.*']),
    ('foo#bar==1', None),
    ('b\na\nb\n', ['a', 'b']),
    ("foo;python_version<'3'", ['foo; python_version < "3"']),
    ('foo==1 \\\n  --hash=sha256:%s \\\n --hash sha256:%s' % (B, A.upper()),
     ['foo==1 --hash=sha256:%s --hash=sha256:%s' % (A, B)]),
    ('foo \\\n# a comment ends it\nbar', ['bar', 'foo']),
    ('foo\\\n==1', ['foo==1']),
    ('--pre\nfoo', ['--pre', 'foo']),
    ('--prefer-binary', ['--prefer-binary']),
    ('--require-hashes', ['--require-hashes']),
    ('foo.bar', ['foo-bar']),
]

REFUSED = [
    # (line, a word of the answer)
    ('-r other.txt', 'cannot be included'),
    ('-r/etc/passwd', 'cannot be included'),
    ('--requirement=/etc/passwd', 'cannot be included'),
    ('-c constraints.txt', 'cannot be included'),
    ('--constraint x', 'cannot be included'),
    ('-e .', 'nothing to edit'),
    ('--editable=git+https://host/x', 'nothing to edit'),
    ('-i http://host/', 'chooses the package index'),
    ('--index-url=http://host/', 'chooses the package index'),
    ('--extra-index-url http://host/', 'chooses the package index'),
    ('--no-index', 'chooses the package index'),
    ('-f /tmp', 'chooses the package index'),
    ('--find-links=/tmp', 'chooses the package index'),
    ('--trusted-host host', 'chooses the package index'),
    ('--no-binary :all:', 'not supported'),
    ('--only-binary=:all:', 'not supported'),
    ('--use-feature=x', 'not supported'),
    ('--pre=x', 'not supported'),
    ('--global-option=x', 'not supported'),
    ('foo --global-option="x"', '--global-option is not supported'),
    ('foo --config-settings x=y', '--config-settings is not supported'),
    ('foo --hash=md5:' + 'a' * 32, '--hash is not supported'),
    ('foo --hash=sha256:x', '--hash is not supported'),
    ('foo -r /etc/passwd', '-r is not supported'),
    ('.', 'a file or an address'),
    ('./foo', 'a file or an address'),
    ('/etc/passwd', 'a file or an address'),
    ('~/foo', 'a file or an address'),
    ('foo.whl', 'a file or an address'),
    ('foo.tar.gz', 'a file or an address'),
    ('C:\\foo', 'a file or an address'),
    ('https://host/foo.whl', 'a file or an address'),
    ('git+https://host/foo#egg=foo', 'a file or an address'),
    ('file:///etc/passwd', 'a file or an address'),
    ('foo @ file:///etc/passwd', 'an address'),
    ('foo @ https://host/foo.whl', 'an address'),
    ('foo=1', 'not a requirement'),
    ('foo bar', 'not a requirement'),
    ('foo/bar', 'not a requirement'),
    ('foo; nonsense', 'not a requirement'),
    ('-', 'not supported'),
    ('=', 'not a requirement'),
    ('${HOME}', 'not a requirement'),
    ('foo\x0b-r /etc/passwd', '-r'),
    ('foo\x00', 'not a requirement'),
]


class TestNormalise(testtools.TestCase):

    def test_accepted(self):
        for text, lines in ACCEPTED:
            if lines is not None:
                self.assertEqual(lines, requirements.normalise(text), text)

    def test_refused(self):
        for line, word in REFUSED:
            error = self.assertRaises(
                exception.BuildError, requirements.normalise,
                'first\n\n%s' % line)
            self.assertEqual('build.requirements_failed', error.code)
            self.assertIn(word, error.detail, line)
            self.assertIn('requirements.txt, line ', error.detail)

    def test_number_of_the_line(self):
        error = self.assertRaises(
            exception.BuildError, requirements.normalise,
            '# one\nfoo \\\n ==1\n\n-e .\n')
        self.assertIn('line 5:', error.detail)
        error = self.assertRaises(
            exception.BuildError, requirements.normalise,
            'foo\nbar \\\n nonsense')
        self.assertIn('line 2:', error.detail)

    def test_what_is_written_reads_the_same(self):
        for text, lines in ACCEPTED:
            if lines is not None:
                self.assertEqual(
                    lines, requirements.normalise('\n'.join(lines)), text)

    def test_addresses_when_they_are_allowed(self):
        for line, lines in (
                ('Foo @ https://host/x.whl', ['foo @ https://host/x.whl']),
                ('foo@git+https://host/x@v1',
                 ['foo @ git+https://host/x@v1'])):
            self.assertEqual(lines, requirements.normalise(line, True))
        for line in ('foo @ file:///x', 'foo @ /x', 'foo @ git+ssh://host/x',
                     'foo @ git+file:///x', 'foo @ https://host/${HOME}',
                     'foo @ svn+https://host/x', 'https://host/x.whl',
                     'foo @ https://[x', './x', '-e git+https://host/x'):
            self.assertRaises(exception.BuildError, requirements.normalise,
                              line, True)


class TestKey(testtools.TestCase):

    def key(self, text, fingerprint='python'):
        return requirements.key(fingerprint, requirements.normalise(text))

    def test_equal(self):
        self.assertEqual(64, len(self.key('a')))
        for text in ('b<2,>=1\nA_x', '# c\n\na-x  # d\nb >= 1, <2\n',
                     'b>=1,<2\r\na.x', 'a-x\nb>=1,<2\na_X'):
            self.assertEqual(self.key('a-x\nb>=1,<2'), self.key(text))

    def test_different(self):
        keys = {self.key(text) for text in (
            'a', 'b', 'a\nb', 'a[b]', 'a==1', 'a==2', 'a\n--pre',
            'a; python_version < "3"', 'a==1 --hash=sha256:' + A,
            'a==1 --hash=sha256:' + B)}
        self.assertEqual(10, len(keys))
        self.assertNotEqual(self.key('a'), self.key('a', 'other'))
