# SPDX-License-Identifier: Apache-2.0

from pratai import rpc


class ExecutorAPI(rpc.Client):
    """What an executor does for conductors; see the manager for the terms."""

    def __init__(self, transport):
        super().__init__(transport, rpc.EXECUTOR)

    def run(self, host, incarnation, specs, attempts):
        """Hand over attempts. May be lost: their leases then run out."""
        self._cast('run', server=host, incarnation=incarnation, specs=specs,
                   attempts=attempts)

    def build(self, host, incarnation, builds):
        """Hand over builds. May be lost, as above."""
        self._cast('build', server=host, incarnation=incarnation,
                   builds=builds)

    def cancel(self, host, request_id):
        """:returns: whether the executor had it; it will report the end."""
        return self._call('cancel', timeout=5, server=host,
                          request_id=request_id)

    def logs(self, host, request_id):
        """:returns: {'logs', 'truncated'} of a running request so far."""
        return self._call('logs', timeout=5, server=host,
                          request_id=request_id)

    def flush(self, host):
        """Returns when the executor has had all that was sent to it."""
        self._call('flush', timeout=5, server=host)

    def forget(self, version_ids):
        """Tell every executor that versions are gone."""
        self._cast('forget', fanout=True, version_ids=version_ids)

    def retire(self, version_ids):
        """Tell every executor that versions have a successor."""
        self._cast('retire', fanout=True, version_ids=version_ids)
