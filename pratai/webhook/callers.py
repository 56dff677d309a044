# SPDX-License-Identifier: Apache-2.0
"""Who may run a private function by its endpoint."""

import hashlib
import hmac
import ipaddress

FORWARDING = ('HTTP_X_FORWARDED_FOR', 'HTTP_FORWARDED', 'HTTP_X_REAL_IP',
              'HTTP_X_FORWARDED_HOST')


class Callers:
    """Knows the networks that are trusted.

    :raises ValueError: an option is not a list of networks.
    """

    def __init__(self, conf):
        self._networks = [ipaddress.ip_network(item)
                          for item in conf.webhook.trusted_networks]
        self._proxies = [ipaddress.ip_network(item)
                         for item in conf.webhook.trusted_proxies]

    def may(self, environ, function, body, token):
        """:returns: whether the caller has shown enough.

        :param function: its ``webhook_token`` is what tokens and signatures
            are compared with.
        :param body: the bytes that a signature covers.
        :param token: what the caller sent as one, or None.
        """
        secret = function['webhook_token']
        signature = environ.get('HTTP_X_HUB_SIGNATURE_256')
        if signature is not None:
            wanted = 'sha256=' + hmac.new(secret.encode(), body,
                                          hashlib.sha256).hexdigest()
            return _same(signature, wanted)
        if token is not None:
            return _same(token, secret)
        return self.is_trusted(environ)

    def is_trusted(self, environ):
        """:returns: whether the address of the caller is trusted.

        A request that was forwarded is judged by the address it was
        forwarded for, and only if the proxy that says so is known: whoever
        can reach a proxy must not become the proxy's neighbour.
        """
        if 'HTTP_ORIGIN' in environ:
            return False  # a page in a browser, wherever that is
        address = _address(environ.get('REMOTE_ADDR'))
        if not any(name in environ for name in FORWARDING):
            return _within(address, self._networks)
        if not _within(address, self._proxies):
            return False
        chain = environ.get('HTTP_X_FORWARDED_FOR', '').split(',')
        for part in reversed(chain):
            address = _address(part)
            if not _within(address, self._proxies):
                return _within(address, self._networks)
        return False


def _same(given, wanted):
    return hmac.compare_digest(given.encode(errors='replace'),
                               wanted.encode())


def _address(text):
    try:
        address = ipaddress.ip_address((text or '').strip())
    except ValueError:
        return None
    return getattr(address, 'ipv4_mapped', None) or address


def _within(address, networks):
    return address is not None and any(
        address.version == network.version and address in network
        for network in networks)
