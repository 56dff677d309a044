# SPDX-License-Identifier: Apache-2.0

from pratai import rpc

#: Seconds to wait for an answer where a caller waits as well.
SOON = 10
#: Seconds to wait for an answer where nobody does. Who was asked may have been
#: killed, and all of these may be asked again.
LATER = 20


class ConductorAPI(rpc.Client):
    """What the conductor does for others; see the manager for the terms.

    Calls raise ``rpc.Error`` when no conductor answers in time.
    """

    def __init__(self, transport):
        super().__init__(transport, rpc.CONDUCTOR)

    def hint(self):
        """Say that requests were queued. May be lost."""
        self._cast('hint')

    def build_hint(self):
        """Say that a build was queued. May be lost."""
        self._cast('build_hint')

    def forget(self, version_ids):
        """Say that versions are gone: executors drop their instances."""
        self._cast('forget', version_ids=version_ids)

    def retire(self, version_ids):
        """Say that versions have a successor: executors stop their
        instances, and keep the images, which the successors share."""
        self._cast('retire', version_ids=version_ids)

    def image_missing(self, version_id, image):
        """Say that an image is not there any more. May be lost."""
        self._cast('image_missing', version_id=version_id, image=image)

    def versions(self):
        """:returns: ids of the versions whose images are to be kept."""
        return self._call('versions', timeout=LATER)

    def place(self, function_id):
        """Ask where requests of a function are to be run."""
        return self._call('place', timeout=SOON, function_id=function_id)

    def cancel(self, request_id):
        """:returns: False when the request was finished already."""
        return self._call('cancel', timeout=SOON, request_id=request_id)

    def logs(self, request_id):
        """:returns: what a running request has printed so far."""
        return self._call('logs', timeout=SOON, request_id=request_id)

    def register(self, host, incarnation, started_at, details, private,
                 runtimes):
        return self._call('register', timeout=LATER, host=host,
                          incarnation=incarnation, started_at=started_at,
                          details=details, private=private,
                          runtimes=runtimes)

    def take_over(self, host, incarnation):
        return self._call('take_over', timeout=LATER, host=host,
                          incarnation=incarnation)

    def heartbeat(self, host, incarnation, details, requests, builds):
        return self._call('heartbeat', timeout=SOON, host=host,
                          incarnation=incarnation, details=details,
                          requests=requests, builds=builds)

    def report(self, results):
        """Bring results; they are recorded when this returns."""
        return self._call('report', timeout=LATER, results=results)

    def build_log(self, build_id, attempt, text):
        return self._call('build_log', timeout=SOON, build_id=build_id,
                          attempt=attempt, text=text)

    def build_done(self, build_id, attempt, image, code, detail):
        return self._call('build_done', timeout=LATER, build_id=build_id,
                          attempt=attempt, image=image, code=code,
                          detail=detail)

    def leave(self, host, incarnation):
        """Say goodbye: the executor stops in order."""
        return self._call('leave', timeout=SOON, host=host,
                          incarnation=incarnation)
