# SPDX-License-Identifier: Apache-2.0
"""Tickets to an executor's data port.

A conductor signs what the executor is to run with a key that the executor
made when it started. So the data port knows the version's settings without
asking anybody, runs nothing that no conductor placed, and needs neither
database nor Keystone.
"""

import base64
import hashlib
import hmac
import json
import time

from pratai import exception


def _signature(key, body):
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def sign(key, spec, seconds):
    """:returns: a ticket for the version of ``spec``, good for a time.

    :param key: the executor's, text.
    :param spec: JSON types, see ``Database.version_spec``.
    """
    body = base64.urlsafe_b64encode(json.dumps(
        {'spec': spec, 'expires': time.time() + seconds},
        separators=(',', ':')).encode())
    return '%s.%s' % (body.decode(), _signature(key, body))


def verify(key, ticket):
    """:returns: (spec, the time it expires at).

    :raises exception.Forbidden: not signed with the key, or expired.
    """
    body, _, signature = ticket.rpartition('.')
    if not hmac.compare_digest(_signature(key, body.encode()).encode(),
                               signature.encode()):
        raise exception.Forbidden('The ticket is not valid.',
                                  code='ticket.invalid')
    content = json.loads(base64.urlsafe_b64decode(body))
    if content['expires'] < time.time():
        raise exception.Forbidden('The ticket has expired.',
                                  code='ticket.expired')
    return content['spec'], content['expires']
