# SPDX-License-Identifier: Apache-2.0
"""Completion of the ``pratai`` command in a shell."""

from cliff import complete as cliff_complete

from prataiclient.commands import base
from prataiclient.commands import common

#: What cliff's script asks the package bash-completion for, and what bash
#: knows by itself.
_ASKED = '_get_comp_words_by_ref -n : cur prev words'
_KNOWN = 'words=("${COMP_WORDS[@]}"); cur=${COMP_WORDS[COMP_CWORD]}'


class _Bash(cliff_complete.CompleteBash):

    def get_header(self):
        return super().get_header().replace(_ASKED, _KNOWN)


class Complete(base.Plain, common.Common, cliff_complete.CompleteCommand):
    """Print what makes bash complete the commands and their options

    source <(pratai complete) does so in the shell that it is typed in.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._formatters['bash'].plugin = _Bash
