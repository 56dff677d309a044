# SPDX-License-Identifier: Apache-2.0
"""pratai function-execute."""

from prataiclient.commands import actions
from prataiclient.commands import arguments
from prataiclient.commands import base

_COLUMNS = [(name, name) for name in (
    'request_id', 'status', 'response', 'duration', 'start')]


class FunctionExecute(base.ShowOne):
    """Call a function

    Prints the response of the function as JSON. Of an async function it
    prints the id of the request instead, unless it shall --wait for it;
    'pratai request-show ID' tells later what came of it. -f table or -f json
    show request id, status, response, duration (ms) and start (cold or
    warm).
    """

    bare = 'response'

    def get_parser(self, prog_name):
        parser = super().get_parser(prog_name)
        parser.add_argument('function', metavar='FUNCTION',
                            help=arguments.FUNCTION_HELP)
        arguments.add_payload(parser, self.program)
        parser.add_argument('--wait', action='store_true',
                            help='wait for the response of an async function')
        return parser

    def take_action(self, parsed_args):
        execution = actions.execute(self, parsed_args)
        if execution.status == 'queued':
            self.bare = 'request_id'
        return self.fields(_COLUMNS, execution)
