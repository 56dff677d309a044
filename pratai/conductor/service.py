# SPDX-License-Identifier: Apache-2.0

from pratai import rpc
from pratai import service
from pratai.conductor import manager


class ConductorService:
    """A conductor: RPC server, dispatcher and sweep.

    :param probes: see service.Registration.
    :param options: for the dispatcher.
    """

    def __init__(self, conf, database, transport, probes=(), **options):
        self.manager = manager.ConductorManager(conf, database, transport,
                                                **options)
        self._server = rpc.Server(transport, rpc.CONDUCTOR, conf.host,
                                  self.manager)
        self._sweep = service.Periodic(
            'The sweep', conf.conductor.sweep_interval, self.manager.sweep)
        self._registration = service.Registration(
            conf, database, 'pratai-conductor', probes=probes)

    def start(self):
        """Returns when the broker is there."""
        self._registration.start()
        self._server.start()
        self.manager.dispatcher.start()
        self._sweep.start()

    def stop(self):
        self._sweep.stop()
        self._server.stop()
        self.manager.dispatcher.stop()
        self._registration.stop()
