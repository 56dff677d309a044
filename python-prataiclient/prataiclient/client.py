# SPDX-License-Identifier: Apache-2.0
"""The entry to the library."""

from keystoneauth1 import session as ksa_session

from prataiclient import http
from prataiclient.v1 import events
from prataiclient.v1 import functions
from prataiclient.v1 import requests
from prataiclient.v1 import runtimes
from prataiclient.v1 import services


class Client:
    """Client of the Pratai API::

        client = Client(endpoint='http://localhost:9998')
        function = client.functions.create('hello', 'hello.zip')
        client.functions.wait(function.id)
        print(client.functions.execute(function, {'key': 'value'}))

    :param session: keystoneauth1 session; by default one without
        authentication
    :param endpoint: URL of the API; by default the ``function`` service of
        the session's service catalog
    :param adapter_arguments: for keystoneauth1.adapter.Adapter, such as
        region_name, interface, service_type

    Everything it does may raise what :mod:`prataiclient.exceptions` has.
    :func:`prataiclient.connect.client` makes one from the environment.
    """

    def __init__(self, session=None, endpoint=None, **adapter_arguments):
        self.http = http.HTTP(session or ksa_session.Session(), endpoint,
                              **adapter_arguments)
        self.functions = functions.Functions(self.http)
        self.runtimes = runtimes.Runtimes(self.http)
        self.requests = requests.Requests(self.http)
        self.events = events.Events(self.http)
        self.services = services.Services(self.http)
        self.status = services.ClusterStatus(self.http)
