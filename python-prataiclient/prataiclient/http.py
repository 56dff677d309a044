# SPDX-License-Identifier: Apache-2.0
"""HTTP with the errors of this library instead of those of keystoneauth."""

import re

from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa_exceptions

import prataiclient
from prataiclient import exceptions

SERVICE_TYPE = 'function'
API_VERSION = 'function 1.0'
#: Seconds to connect, and seconds without a byte of the answer.
CONNECT_TIMEOUT = 10
READ_TIMEOUT = 300


def root_of(endpoint):
    """The URL of the API without its version: where ``/`` is served."""
    return re.sub(r'/v1$', '', endpoint.rstrip('/'))


def reason_of(exc):
    """The few words an operating system or TLS error has to say."""
    reason = None
    while exc is not None:
        # The libraries' own exceptions are OSErrors too, without strerror.
        if isinstance(exc, OSError) and exc.strerror:
            reason = exc.strerror
        exc = exc.__cause__ or exc.__context__
    return reason


class HTTP:
    """Sends requests to one Pratai API.

    :param session: keystoneauth1 session; with an auth plugin its token is
        sent, without one nothing is
    :param endpoint: URL of the API, with or without ``/v1``; without it the
        service catalog is asked
    """

    def __init__(self, session, endpoint=None, service_type=SERVICE_TYPE,
                 **adapter_arguments):
        self._adapter = adapter.Adapter(
            session, service_type=service_type,
            client_name='python-prataiclient',
            client_version=prataiclient.__version__, **adapter_arguments)
        self._service_type = service_type
        self._root = root_of(endpoint) if endpoint else None

    @property
    def _authenticated(self):
        return bool(self._adapter.auth or self._adapter.session.auth)

    def _authenticate(self):
        """Get the token first, so that an error says whose it is."""
        if not self._authenticated:
            return
        auth = self._adapter.auth or self._adapter.session.auth
        keystone = 'Keystone at %s' % getattr(auth, 'auth_url', None)
        try:
            self._adapter.session.get_auth_headers(auth)
        except ksa_exceptions.Unauthorized as exc:
            raise exceptions.AuthenticationFailed(
                '%s refused the credentials: %s (OS_AUTH_URL, '
                'OS_USERNAME, OS_PASSWORD, OS_PROJECT_NAME)' % (keystone, exc))
        except ksa_exceptions.ClientException as exc:
            raise exceptions.AuthenticationFailed(
                'Cannot get a token from %s: %s (OS_AUTH_URL)'
                % (keystone, reason_of(exc) or exc))

    @property
    def root(self):
        """URL of the API without ``/v1``.

        :raises: AuthenticationFailed, or ConnectionFailed where the service
            catalog has no such service
        """
        if self._root is None:
            self._authenticate()
            try:
                found = self._adapter.get_endpoint()
            except ksa_exceptions.MissingAuthPlugin:
                raise exceptions.ConnectionFailed(
                    'Neither a URL of Pratai nor of Keystone is known '
                    '(OS_PRATAI_URL, OS_AUTH_URL)')
            except ksa_exceptions.EndpointNotFound:
                found = None
            if not found:
                region = self._adapter.region_name
                raise exceptions.ConnectionFailed(
                    "Keystone's service catalog has no %s endpoint of type "
                    "'%s'%s; set OS_PRATAI_URL" % (
                        self._adapter.interface or 'public',
                        self._service_type,
                        ' in region ' + region if region else ''))
            self._root = root_of(found)
        return self._root

    def send(self, method, url, timeout=None, **arguments):
        """Send one request and return its answer, whatever its status.

        :param url: a full URL
        :param timeout: seconds to wait for a byte of the answer
        :returns: requests.Response
        :raises: ConnectionFailed, AuthenticationFailed
        """
        self._authenticate()
        wait = (CONNECT_TIMEOUT, timeout or READ_TIMEOUT)
        try:
            return self._adapter.request(
                url, method, raise_exc=False, timeout=wait, **arguments)
        except ksa_exceptions.ConnectTimeout:
            raise exceptions.ConnectionFailed(
                'Pratai at %s did not answer in time' % _base(url))
        except ksa_exceptions.ClientException as exc:
            raise exceptions.ConnectionFailed(
                'Cannot reach Pratai at %s: %s. Is it running? '
                '(OS_PRATAI_URL)' % (_base(url), reason_of(exc) or exc))

    def call(self, method, path, params=None, **arguments):
        """Call the API and return its answer if that is a good one.

        :param path: path below ``/v1``
        :param params: those of the query; the ones that are None are not sent
        :returns: requests.Response
        :raises: HTTPError of any kind, and what :meth:`send` raises
        """
        headers = {'OpenStack-API-Version': API_VERSION}
        response = self.send(method, self.root + '/v1' + path,
                             headers=headers, params=query(params or {}),
                             **arguments)
        if response.status_code >= 400:
            raise exceptions.from_response(response)
        return response

    def get(self, path, **params):
        """GET a JSON object. Parameters that are None are not sent."""
        return read_json(self.call('GET', path, params=params))

    def patch(self, path, body, **params):
        """PATCH with a JSON object, and return the one that is answered."""
        return read_json(self.call('PATCH', path, json=body, params=params))


def query(params):
    """Parameters as the API reads them; those that are None are left out."""
    return {name: str(value).lower() if isinstance(value, bool) else value
            for name, value in params.items() if value is not None}


def read_json(response):
    """The JSON object of an answer.

    :raises: BadAnswer where the body is something else
    """
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise exceptions.BadAnswer(
            '%s did not answer as a Pratai API does (OS_PRATAI_URL)'
            % _base(response.url))
    return body


def _base(url):
    return '/'.join(url.split('/')[:3])
