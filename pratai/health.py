# SPDX-License-Identifier: Apache-2.0
"""What /healthcheck asks: backends of oslo.middleware's health check.

A load balancer asks often, and wants its answer soon. So what is looked at
is looked at once in a while, by a thread of its own, and a look that takes
too long is an answer too.
"""

import socket
import threading
import time

from oslo_middleware.healthcheck import pluginbase
import sqlalchemy as sa
from sqlalchemy import pool

from pratai import rpc

#: Seconds for which one look is good.
FRESH = 2
#: Seconds after which what was looked at counts as away.
PATIENCE = 3


class Probe:
    """Answers whether a function returns, without ever waiting long for it.

    :param name: what is looked at, for a person.
    :param look: returns when all is well, raises when not, may block.
    """

    def __init__(self, name, look, fresh=FRESH, patience=PATIENCE):
        self._name = name
        self._look = look
        self._fresh = fresh
        self._patience = patience
        self._change = threading.Condition()
        self._looking = False
        self._seen_at = None
        self._problem = None

    def problem(self):
        """:returns: None, or in words what is wrong."""
        with self._change:
            if not self._is_fresh():
                if not self._looking:
                    # NOTE: started when it is needed, since a thread does
                    # not survive the fork of a WSGI server.
                    self._looking = True
                    threading.Thread(target=self._run, daemon=True,
                                     name='look at ' + self._name).start()
                self._change.wait_for(self._is_fresh, self._patience)
            if self._is_fresh():
                return self._problem
            return '%s does not answer within %d s' % (self._name,
                                                       self._patience)

    def _is_fresh(self):
        return (self._seen_at is not None
                and time.monotonic() - self._seen_at < self._fresh)

    def _run(self):
        problem = None
        try:
            self._look()
        except Exception as error:
            # NOTE: no text of the error, it may have addresses and names of
            # users, and everybody may ask.
            problem = '%s is away (%s)' % (self._name, type(error).__name__)
        with self._change:
            self._looking = False
            self._problem = problem
            self._seen_at = time.monotonic()
            self._change.notify_all()


class _Backend(pluginbase.HealthcheckBaseExtension):

    #: What is looked at, for a person.
    name = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._probe = Probe(self.name, self.look)

    def healthcheck(self, server_port):
        problem = self._probe.problem()
        return pluginbase.HealthcheckResult(
            available=problem is None, reason=problem or 'OK')

    def look(self):
        """Returns when all is well, otherwise raises."""
        raise NotImplementedError


class Database(_Backend):
    """Is the database there, and one of Pratai's?

    Each look makes a connection: that there are none left, or that the
    password has changed, is then noticed as well.
    """

    name = 'The database'

    def look(self):
        engine = sa.create_engine(self.oslo_conf.database.connection,
                                  poolclass=pool.NullPool)
        try:
            with engine.connect() as connection:
                # A table, since a Galera node that lost its cluster still
                # answers SELECT 1.
                connection.execute(
                    sa.text('SELECT version_num FROM alembic_version'))
        finally:
            engine.dispose()


class Broker(_Backend):
    """Does one of the broker's nodes take connections?

    Not among the default backends: requests are accepted without a broker
    too, and a process that is taken out of the load balancer accepts none.
    Only a TCP connection is made, which says nothing about the broker's
    health beyond that; a login for each look would fill its log.
    """

    name = 'The broker'

    def look(self):
        _look_at_broker(self.oslo_conf)


class Keystone(_Backend):
    """Does Keystone answer? Not among the default backends either: who has
    a token that was seen before, and functions that are public, need it
    not."""

    name = 'Keystone'
    _ask = None

    def look(self):
        if self._ask is None:
            self._ask = _keystone_look(self.oslo_conf)
        self._ask()


def probes(conf, broker=True, keystone=True):
    """:returns: a Probe of each thing besides the database that a process
        works with; what the health check does not ask of by itself, the
        service list shows.

    :param broker: whether it has one.
    :param keystone: whether it asks Keystone, where that is configured.
    """
    found = []
    if broker and rpc.addresses(conf):
        found.append(Probe(Broker.name, lambda: _look_at_broker(conf)))
    if keystone and conf.api.auth_strategy == 'keystone':
        found.append(Probe(Keystone.name, _keystone_look(conf)))
    return found


def _look_at_broker(conf):
    problem = None
    addresses = rpc.addresses(conf)
    # One after the other, in less time than it all may take: a node that is
    # gone may not answer at all, and the next one is well.
    patience = PATIENCE / (len(addresses) + 1)
    for host, port, _ in addresses:
        try:
            socket.create_connection((host, port), patience).close()
            return
        except OSError as error:
            problem = error
    if problem is not None:
        raise problem


def _keystone_look(conf):
    # Imported here: without Keystone, its client libraries are not needed.
    from pratai.api import keystone
    return keystone.Protocol(None, conf).check
