# SPDX-License-Identifier: Apache-2.0

import os
import re

import pratai
from pratai.api.schemas import runtimes
from pratai.tests import base

PACKAGE = os.path.dirname(pratai.__file__)
DOCUMENTS = (('doc', 'source', 'user', 'errors.rst'),
             ('api-ref', 'source', 'errors.inc'))
ASSIGNED = re.compile(r"\bcode\s*=\s*'([a-z]+)\.[a-z_]+'")
NOT_FOUND = re.compile(r"\bNotFound\(\s*'([a-z]+)'")
COMPOSED = re.compile(r"'([a-z]+\.)%s'")
#: What there is to be put in there.
ENDINGS = {'runtime.': [one for one in runtimes.STATUSES
                        if one != runtimes.AVAILABLE]}
#: Codes of classes whose errors all have one of their own.
UNUSED = {'request.conflict', 'build.failed'}
#: What looks like a code in the sources.
FILES = {'executor.lock'}
EXPLAINED = re.compile('``([a-z]+\\.[a-z_]+)``')
#: What looks like a code in the documents.
OTHERS = {'requirements.txt', 'os._exit'}


def sources():
    """The text of each module that is not a test."""
    for folder, folders, names in os.walk(PACKAGE):
        if folder == PACKAGE:
            folders.remove('tests')
        for name in names:
            if name.endswith('.py'):
                with open(os.path.join(folder, name)) as file:
                    yield file.read()


def codes():
    """:returns: all that errors may have as their code: every text in the
        sources that begins as one which is called so."""
    texts = list(sources())
    areas = {area for text in texts for area in ASSIGNED.findall(text)}
    code = re.compile(r"'((?:%s)\.[a-z_]+)'" % '|'.join(sorted(areas)))
    found = {one for text in texts for one in code.findall(text)}
    found |= {what + '.not_found' for text in texts
              for what in NOT_FOUND.findall(text)}
    found |= {area + ending for area in composed(texts)
              for ending in ENDINGS.get(area, ())}
    return found - UNUSED - FILES


def composed(texts):
    """:returns: the beginnings of codes that are made of two parts."""
    return {area for text in texts for area in COMPOSED.findall(text)}


def documents(test):
    """The path and the text of each document."""
    for path in DOCUMENTS:
        path = os.path.join(PACKAGE, os.pardir, *path)
        if not os.path.exists(path):
            test.skipTest('the sources are not here')
        with open(path) as file:
            yield path, file.read()


class TestDocuments(base.TestCase):

    def test_codes_are_found(self):
        found = codes()
        # An attribute, an argument by name and by position, and composed.
        for one in ('service.busy', 'ticket.stale', 'build.timeout',
                    'event.not_found', 'runtime.disabled'):
            self.assertIn(one, found)
        self.assertEqual(set(ENDINGS), composed(sources()))

    def test_every_code_is_explained(self):
        for path, text in documents(self):
            explained = set(EXPLAINED.findall(text)) - OTHERS
            self.assertEqual(set(), codes() - explained, path)

    def test_nothing_else_is_explained(self):
        for path, text in documents(self):
            explained = set(EXPLAINED.findall(text)) - OTHERS
            self.assertEqual(set(), explained - codes(), path)
