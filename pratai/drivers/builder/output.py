# SPDX-License-Identifier: Apache-2.0
"""The log of a build: bounding it, and finding in it what went wrong."""

import collections
import re

MAX_LINE = 2000         # characters
TAIL = 20               # lines that are shown even of a log that was cut
CUT = '[the log is cut here: it is longer than %d bytes]'
ESCAPE = re.compile(r'\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]')
CONTROL = re.compile(r'[\x00-\x08\x0b-\x1f\x7f-\x9f]')

NO_WHEEL = re.compile(
    r'No matching distribution found|ResolutionImpossible|'
    r'conflicting dependencies|not allowed while downloading')
NO_NETWORK = re.compile(r"after connection broken by '(\w+)|"
                        r'Could not fetch URL \S+: (.*) - skipping')
DISK_FULL = re.compile(r'\[Errno (28|122)\]|No space left on device')
# How different versions of pip name the package whose program failed.
WHICH = re.compile(
    r"\s*(?:ERROR: )?(?:Failed building wheel for|Failed to build) "
    r"'?([\w.-]+)'?(?: when .*)?$|╰─> ([A-Za-z0-9][\w.-]*)\s*$")
FILE_TOO_LARGE = re.compile(r'\[Errno 27\]|File too large')


class Log:
    """Passes lines on until there are too many, and then the last ones.

    :param write: called with each line.
    :param limit: bytes, of all lines together.
    :ivar lines: the last few hundred of one program, for :func:`explain`.
    """

    def __init__(self, write, limit):
        self.write = write
        self.tail = min(TAIL * 200, limit // 2)
        self.left = limit - self.tail
        self.limit = limit
        self.cut = False
        self.partial = b''
        self.lines = collections.deque(maxlen=400)
        self.unseen = collections.deque(maxlen=TAIL)

    def start(self):
        """Forget the lines of the program before."""
        self.lines.clear()

    def feed(self, data):
        """:param data: bytes that a program wrote."""
        *whole, self.partial = (self.partial + data).split(b'\n')
        for line in whole:
            self.line(line)
        while len(self.partial) > MAX_LINE * 4:
            self.line(self.partial[:MAX_LINE])
            self.partial = self.partial[MAX_LINE:]

    def finish(self):
        """The program has ended; show what it said without a line's end."""
        while self.partial:
            self.line(self.partial[:MAX_LINE])
            self.partial = self.partial[MAX_LINE:]

    def line(self, raw):
        """:param raw: bytes or str of one line."""
        if isinstance(raw, bytes):
            raw = raw.decode('utf-8', 'replace')
        # What a terminal would show: a line is written over after a "\r".
        text = ESCAPE.sub('', raw).rstrip('\r').rpartition('\r')[2]
        text = CONTROL.sub('', text).rstrip()[:MAX_LINE]
        self.lines.append(text)
        size = len(text.encode('utf-8', 'replace')) + 1
        if not self.cut and size <= self.left:
            self.left -= size
            self.write(text)
            return
        if not self.cut:
            self.cut = True
            self.write(CUT % self.limit)
        self.unseen.append(text)

    def close(self):
        """Show the end of a log that was cut."""
        left = self.tail - 2 * len(CUT)
        shown = []
        while self.unseen and left > 0:
            text = self.unseen.pop()[:200]
            left -= len(text.encode('utf-8', 'replace')) + 1
            if left > 0:
                shown.append(text)
        for text in reversed(shown):
            self.write(text)
        self.unseen.clear()


def explain(lines):
    """:returns: one line that says why pip failed.

    :param lines: list of str, its output.
    """
    detail = (_conflict(lines) or _hashes(lines) or _program(lines)
              or _error(lines)
              or 'pip failed without saying why')
    broken = [NO_NETWORK.search(line) for line in lines]
    broken = [match.group(match.lastindex) for match in broken if match]
    if broken and 'No matching distribution' in detail:
        detail += ' (the package index could not be reached: %s)' % broken[-1]
    return detail[:500]


def _error(lines):
    """The last error that pip tells, without what it tells about itself."""
    errors = [line.strip() for line in lines
              if re.match(r'\s*ERROR:', line)]
    errors = [line for line in errors if 'ResolutionImpossible' not in line]
    if not errors or errors[-1] == 'ERROR: Exception:':
        # pip itself failed: the end of its traceback.
        errors = [line.strip() for line in lines
                  if line.strip() and not line.startswith(('hint:', 'note:'))]
    return re.sub(r'^ERROR:\s*', '', errors[-1]) if errors else None


def _conflict(lines):
    """What pip says about requirements that exclude each other."""
    for start, line in reversed(list(enumerate(lines))):
        if 'conflict is caused by:' in line:
            break
    else:
        return None
    reasons = []
    for line in lines[start + 1:]:
        if not line.strip():
            break
        reasons.append(' '.join(line.split()))
    title = 'The requirements exclude each other'
    for line in reversed(lines[:start]):
        match = re.match(r'ERROR: (Cannot install .*?) because these', line)
        if match:
            title = match.group(1)
            break
    return '%s: %s' % (title, '; '.join(reasons))


def _hashes(lines):
    for start, line in reversed(list(enumerate(lines))):
        if 'DO NOT MATCH THE HASHES' in line:
            words = ' '.join(' '.join(lines[start + 1:start + 4]).split())
            words = re.sub(r' from \S+( \(from [^)]*\)\))?', '', words)
            return 'A hash in requirements.txt does not match: %s' % words
    return None


def _program(lines):
    """What a program of a package (its setup.py) died of."""
    ends = [number for number, line in enumerate(lines)
            if '[end of output]' in line]
    if not ends:
        return None
    before = [line.strip(' │╰─>') for line in lines[:ends[-1]]]
    last = next((line for line in reversed(before)
                 if line and not line.startswith('[')), None)
    what = next((line.partition('×')[2].strip().rstrip('.')
                 for line in reversed(lines[:ends[-1]]) if '×' in line), None)
    if last is None:
        return None
    # What it was doing is far above if it has said much.
    what = what or 'a program of the package failed'
    which = next((match[1] or match[2] for match in map(
        WHICH.match, reversed(lines)) if match), None)
    return '%s%s: %s' % (which + ': ' if which else '', what, last)
