# SPDX-License-Identifier: Apache-2.0
"""pratai function-execute."""

import json
import sys

from prataiclient import exceptions
from prataiclient import resources
from prataiclient.commands import base
from prataiclient.commands import functions

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
                            help=functions.NAME_HELP)
        payload = parser.add_mutually_exclusive_group()
        payload.add_argument('--payload', metavar='JSON',
                             help='what main() gets, by default null')
        payload.add_argument('--file', metavar='FILE',
                             help='the same from a file; - is the standard '
                                  'input')
        parser.add_argument('--wait', action='store_true',
                            help='wait for the response of an async function')
        return parser

    def take_action(self, parsed_args):
        payload = self._payload(parsed_args)
        function = self.client.functions.find(parsed_args.function)
        try:
            execution = self.client.functions.execute(function, payload)
            if parsed_args.wait and execution.status == 'queued':
                execution = self._wait(function, execution.request_id)
        except exceptions.ExecutionFailed as exc:
            if exc.execution_id:
                exc.add("its output: 'pratai request-logs %s'"
                        % exc.execution_id)
            raise
        if execution.status == 'queued':
            self.bare = 'request_id'
        return self.fields(_COLUMNS, execution)

    def _wait(self, function, id):
        request = self.client.requests.wait(id)
        if request.status != 'succeeded':
            raise exceptions.ExecutionFailed(
                function.name, id, request.status, request.detail,
                request.code)
        return resources.Execution(
            request_id=id, status=request.status, response=request.response,
            duration=request.duration, start=request.start)

    def _payload(self, parsed_args):
        if parsed_args.payload is not None:
            return parse_json(parsed_args.payload, '--payload')
        if parsed_args.file == '-':
            return parse_json(sys.stdin.buffer.read(), 'The standard input')
        if parsed_args.file is not None:
            with open(parsed_args.file, 'rb') as f:
                return parse_json(f.read(), parsed_args.file)
        return None


def parse_json(text, source):
    """A JSON value.

    :param text: str, or bytes in UTF-8
    :param source: what to call it in an error
    :raises: InvalidInput
    """
    def refuse(constant):
        raise ValueError('%s is not a JSON value' % constant)

    try:
        return json.loads(text, parse_constant=refuse)
    except UnicodeDecodeError:
        reason = 'it is not UTF-8'
    except ValueError as exc:
        reason = str(exc)
    except RecursionError:
        reason = 'it is nested too deeply'
    raise exceptions.InvalidInput(
        '%s is not JSON: %s (a text needs double quotes: \'"text"\')'
        % (source, reason))
