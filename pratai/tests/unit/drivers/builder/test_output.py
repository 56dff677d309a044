# SPDX-License-Identifier: Apache-2.0

import testtools

from pratai.drivers.builder import output


class TestLog(testtools.TestCase):

    def setUp(self):
        super().setUp()
        self.lines = []
        self.log = output.Log(self.lines.append, 1000)

    def test_lines_come_whole(self):
        for part in (b'on', b'e\ntw', b'o\n', b'thr', b'ee'):
            self.log.feed(part)
        self.assertEqual(['one', 'two'], self.lines)
        self.log.finish()
        self.assertEqual(['one', 'two', 'three'], self.lines)

    def test_only_text(self):
        self.log.feed(b'\x1b[1;31mred\x1b[0m\n10%\r20%\rdone\r\n\xff\x00\x07|'
                      b'\xc3\xa9\n')
        self.assertEqual(['red', 'done', '\ufffd|\xe9'], self.lines)

    def test_a_line_without_an_end(self):
        self.log = output.Log(self.lines.append, 100000)
        self.log.feed(b'x' * 50000)
        self.log.finish()
        self.assertEqual(50000, sum(map(len, self.lines)))
        self.assertGreaterEqual(output.MAX_LINE, max(map(len, self.lines)))

    def test_it_is_cut(self):
        for number in range(1000):
            self.log.feed(b'line %d\n' % number)
        self.log.close()
        self.assertIn('[the log is cut here: it is longer than 1000 bytes]',
                      self.lines)
        self.assertEqual('line 0', self.lines[0])
        self.assertEqual('line 999', self.lines[-1])
        self.assertGreaterEqual(1000, sum(len(line) + 1
                                          for line in self.lines))

    def test_just_enough(self):
        self.log.feed(b'x\n' * 250)
        self.log.close()
        self.assertEqual(['x'] * 250, self.lines)


# What pip says, of several versions, and what becomes of it.
NOTHING = '''\
ERROR: Could not find a version that satisfies the requirement x==9 \
(from versions: none)
ERROR: No matching distribution found for x==9
'''
OFFLINE = '''\
WARNING: Retrying (Retry(total=0, connect=None, read=None)) after connection \
broken by 'NewConnectionError('<pip...>: Failed to establish a new \
connection: [Errno 111] Connection refused')': /simple/x/
ERROR: Could not find a version that satisfies the requirement x \
(from versions: none)
ERROR: No matching distribution found for x
'''
UNKNOWN = '''\
Could not fetch URL https://host/simple/x/: There was a problem confirming \
the ssl certificate: certificate verify failed - skipping
ERROR: No matching distribution found for x
'''
CONFLICT = '''\
ERROR: Cannot install a==1.0 and b==1.0 because these package versions \
have conflicting dependencies.

The conflict is caused by:
    a 1.0 depends on c==1
    b 1.0 depends on c==2

To fix this you could try to:
1. loosen the range of package versions you've specified

ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/
'''
PROGRAM = '''\
  error: subprocess-exited-with-error

  \xd7 Preparing metadata (pyproject.toml) did not run successfully.
  \u2502 exit code: 1
  \u2570\u2500> [12 lines of output]
      Traceback (most recent call last):
      ValueError: no such luck
      [end of output]

  note: This error originates from a subprocess.
error: metadata-generation-failed

\xd7 Encountered error while generating package metadata.
\u2570\u2500> first

note: This is an issue with the package mentioned above, not pip.
'''
WHEEL = '''\
  error: subprocess-exited-with-error
  \xd7 Building wheel for first (pyproject.toml) did not run successfully.
  \u2502 exit code: 1
  \u2570\u2500> [2 lines of output]
      error: command 'gcc' failed: No such file or directory
      [end of output]
  note: This error originates from a subprocess.
  ERROR: Failed building wheel for first
ERROR: Failed to build one or more wheels
'''
HASHES = '''\
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. \
If you have updated the package versions, please update the hashes.
    a==1.0 from https://host/a-1.0-py3-none-any.whl#sha256=22 \
(from -r /build/requirements.txt (line 1)):
        Expected sha256 00
             Got        22
'''
CRASH = '''\
ERROR: Exception:
Traceback (most recent call last):
  File "x.py", line 1, in y
OSError: something else
'''

EXPLAINED = [
    (NOTHING, 'No matching distribution found for x==9'),
    (OFFLINE, 'No matching distribution found for x (the package index could '
              'not be reached: NewConnectionError)'),
    (UNKNOWN, 'No matching distribution found for x (the package index could '
              'not be reached: There was a problem confirming the ssl '
              'certificate: certificate verify failed)'),
    (CONFLICT, 'Cannot install a==1.0 and b==1.0: a 1.0 depends on c==1; '
               'b 1.0 depends on c==2'),
    (PROGRAM, 'first: Preparing metadata (pyproject.toml) did not run '
              'successfully: ValueError: no such luck'),
    (WHEEL, 'first: Building wheel for first (pyproject.toml) did not run '
            "successfully: error: command 'gcc' failed: No such file or "
            'directory'),
    (HASHES, 'A hash in requirements.txt does not match: a==1.0: Expected '
             'sha256 00 Got 22'),
    (CRASH, 'OSError: something else'),
    ('', 'pip failed without saying why'),
]


class TestExplain(testtools.TestCase):

    def test_it(self):
        for text, detail in EXPLAINED:
            self.assertEqual(detail, output.explain(text.splitlines()))

    def test_it_is_bounded(self):
        self.assertEqual(500, len(output.explain(['ERROR: ' + 'x' * 5000])))
