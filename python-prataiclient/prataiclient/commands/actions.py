# SPDX-License-Identifier: Apache-2.0
"""What commands of both programs do, apart from what they show.

Each takes the command, for its ``client``, its ``program`` and to ``tell()``
of its progress. Where one takes a ``query``, that is ``all_projects``.
"""

import json
import math
import os
import re
import sys

from prataiclient import exceptions
from prataiclient import package
from prataiclient.commands import arguments
from prataiclient.v1 import base as v1_base
from prataiclient.v1 import services

#: Lines of a build's log that are shown when it was not seen coming.
_TAIL = 20
#: What only the pratai command has an option for, besides --type sync.
_WAIT = 'wait_for_response'
_CHANGEABLE = ('name', *arguments.CHANGEABLE, _WAIT)


def create(command, parsed_args):
    """Create a function, and wait until it is built if that is asked for.

    :param parsed_args: name, zip or source, wait, and the settings
    :returns: the Function
    """
    if parsed_args.zip:
        package.check_zip(parsed_args.zip)
        content = parsed_args.zip
    else:
        content = package.zip_directory(parsed_args.source)
    function = command.client.functions.create(
        parsed_args.name, content, **arguments.settings(
            parsed_args, (*arguments.SETTINGS, _WAIT)))
    return _built(command, function) if parsed_args.wait else function


def _built(command, function):
    command.tell('building %s (%s) ...' % (function.name, function.id))
    try:
        built = command.client.functions.wait(
            function.id,
            on_log=lambda text: command.tell(text.rstrip('\n')))
    except exceptions.BuildFailed as exc:
        if command.quiet:
            log = (exc.build and exc.build.log) or ''
            for line in log.splitlines()[-_TAIL:]:
                command.app.stderr.write(line + '\n')
        exc.add("'%s' makes room for another try" % command.program.line(
            'function delete', function.name))
        raise
    # The answer to create knows things that later ones may not repeat.
    built.webhook_token = built.webhook_token or function.webhook_token
    return built


def update(command, parsed_args):
    """Change the settings of a function.

    :param parsed_args: function, all_projects, and the settings
    :returns: the Function
    :raises: InvalidInput where there is nothing to change
    """
    changes = arguments.settings(parsed_args, _CHANGEABLE)
    if all(value is None for value in changes.values()):
        raise exceptions.InvalidInput('There is nothing to change')
    query = {'all_projects': parsed_args.all_projects}
    function = command.client.functions.find(parsed_args.function, **query)
    return command.client.functions.update(function.id, **query, **changes)


def execute(command, parsed_args):
    """Call a function.

    :param parsed_args: function, payload or file, wait
    :returns: Execution
    """
    payload = _payload(parsed_args)
    function = command.client.functions.find(parsed_args.function)
    try:
        return command.client.functions.execute(
            function, payload, wait=parsed_args.wait,
            on_queued=lambda id: command.tell('waiting for request %s ...'
                                              % id))
    except exceptions.ExecutionFailed as exc:
        if exc.execution_id:
            exc.add("its output: '%s'" % command.program.line(
                'request log', exc.execution_id))
        raise


def _payload(parsed_args):
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

    def finite(number):
        if math.isinf(float(number)):
            raise ValueError('%s is too large a number' % number)
        return float(number)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite)
    except UnicodeDecodeError:
        reason = 'it is not UTF-8'
    except ValueError as exc:
        # Of an integer of thousands of digits Python says how to read it.
        reason = str(exc).split(';')[0]
    except RecursionError:
        reason = 'it is nested too deeply'
    raise exceptions.InvalidInput(
        '%s is not JSON: %s (a text needs double quotes: \'"text"\')'
        % (source, reason))


def page(command, manager, parsed_args, **filters):
    """One page of a list, and a word on whether there is more.

    :param manager: of the things to list
    :param parsed_args: limit, marker, and perhaps sort
    """
    marker = parsed_args.marker
    if marker and not v1_base.is_id(marker):
        everywhere = {name: filters[name] for name in ['all_projects']
                      if filters.get(name)}
        marker = manager.find(marker, **everywhere).id
    limit = parsed_args.limit
    # One more than is shown, to know whether there are more.
    found = manager.list(limit=limit and limit + 1, marker=marker,
                         sort=getattr(parsed_args, 'sort', None), **filters)
    if limit and len(found) > limit:
        del found[limit:]
        command.tell('There are more than %s; --limit shows more of them, '
                     '--marker %s the next ones' % (limit, found[-1].id))
    return found


def delete_function(command, wanted, **query):
    """Delete the function with this name or id."""
    function = command.client.functions.find(wanted, **query)
    command.client.functions.delete(function.id, **query)
    command.tell('deleted %s (%s)' % (function.name, function.id))


def delete_request(command, wanted, **query):
    """Delete the request with this id."""
    request = command.client.requests.find(wanted, **query)
    command.client.requests.delete(request.id, **query)
    command.tell('deleted %s' % request.id)


def cancel_request(command, wanted, **query):
    """Cancel the request with this id."""
    request = command.client.requests.find(wanted, **query)
    request = command.client.requests.cancel(request.id, **query)
    # What runs is being killed, which takes a moment.
    command.tell('%s %s' % ('cancelled' if request.finished
                            else 'cancelling', request.id))


def print_log(command, wanted, follow, **query):
    """Print what the request with this id wrote.

    :param follow: whether to go on until the request has ended
    """
    id = command.client.requests.find(wanted, **query).id
    if follow:
        pieces = command.client.requests.follow(id, **query)
    else:
        pieces = [command.client.requests.logs(id, **query)]
    last = None
    for last in pieces:
        command.app.stdout.write(last.logs)
        command.app.stdout.flush()
    if last.truncated:
        command.tell('The output was longer than the server keeps')


def newest_build(command, function, **query):
    """The last build of a function.

    :raises: PrataiError where there is none
    """
    builds = command.client.functions.builds(function.id, **query)
    if not builds:
        raise exceptions.PrataiError(
            'Function %s has no build' % function.name)
    return builds[0]


def save_package(command, wanted, output, option, **query):
    """Write the package of a function to a file.

    :param output: path of the file, ``-`` for the standard output, None for
        a new one in the working directory
    :param option: the option that gives output, for an error
    """
    function = command.client.functions.find(wanted, **query)
    output = output or _free_name(function, option)
    content = command.client.functions.package(function.id, **query)
    if output == '-':
        command.app.stdout.flush()
        command.app.stdout.buffer.write(content)
        return
    with open(output, 'wb') as f:
        f.write(content)
    command.tell('wrote %s' % output)


def _free_name(function, option):
    # A name may hold anything, a path above this directory as well.
    name = function.name
    if not re.match(r'\w[\w.-]*$', name):
        name = function.id
    name += '.zip'
    if os.path.exists(name):
        raise exceptions.InvalidInput(
            '%s exists already; %s %s replaces it' % (name, option, name))
    return name


def set_service(command, wanted, state, reason=None, wait=False):
    """Enable, disable or drain an executor.

    :param wanted: id or host of it
    :param wait: whether to wait until it is drained
    :returns: the Service
    """
    service = command.client.services.find(wanted)
    service = command.client.services.set_state(service.id, state, reason)
    if wait:
        command.tell('waiting until nothing runs on %s ...' % service.host)
        service = command.client.services.wait_drained(service.id)
        if service.state != services.DRAINING:
            raise exceptions.PrataiError(
                'The executor on %s does not drain any more: it is %s'
                % (service.host, service.state))
        if not service.drained:
            raise exceptions.PrataiError(
                'The executor on %s is down, so nothing is known of what '
                'runs on it' % service.host)
    return service
