# SPDX-License-Identifier: Apache-2.0
"""What the API returns, as plain objects.

Times are ISO 8601 texts in UTC. A field that an older server does not know
is None; a field that only a newer server knows is left out.
"""

import dataclasses
import typing

from prataiclient import exceptions

#: States in which nothing more happens to a request.
FINISHED = frozenset(
    ['succeeded', 'failed', 'timeout', 'error', 'cancelled', 'dead'])
REQUEST_STATES = FINISHED | frozenset(['queued', 'running'])


@dataclasses.dataclass
class Resource:
    """Base of all: made from, and turned into, the API's JSON."""

    @classmethod
    def from_api(cls, data):
        """Make one of the JSON object of the API.

        :raises: BadAnswer where it is not an object
        """
        if not isinstance(data, dict):
            raise exceptions.BadAnswer(
                'The server sent no %s where one was expected'
                % cls.__name__.lower())
        return cls(**{field.name: data[field.name]
                      for field in dataclasses.fields(cls)
                      if field.name in data})

    def to_dict(self):
        return {field.name: getattr(self, field.name)
                for field in dataclasses.fields(self)}


@dataclasses.dataclass
class Function(Resource):
    """memory is in MB, timeout in seconds, limit in concurrent requests.

    ``webhook_token`` is only there in the answer of create and get.
    """
    id: str = None
    project_id: str = None
    user_id: str = None
    name: str = None
    description: str = None
    type: str = None
    wait_for_response: bool = None
    event: str = None
    public: bool = None
    endpoint: str = None
    runtime: str = None
    memory: int = None
    cpus: int = None
    timeout: int = None
    isolation: str = None
    network: bool = None
    limit: int = None
    status: str = None
    status_code: str = None
    status_detail: str = None
    version: int = None
    version_id: str = None
    webhook_token: str = None
    created_at: str = None
    updated_at: str = None


@dataclasses.dataclass
class Build(Resource):
    id: str = None
    function_id: str = None
    version_id: str = None
    version: int = None
    status: str = None
    code: str = None
    detail: str = None
    log: str = None
    created_at: str = None
    started_at: str = None
    finished_at: str = None


@dataclasses.dataclass
class Runtime(Resource):
    id: str = None
    name: str = None
    language: str = None
    version: str = None
    description: str = None
    status: str = None
    default: bool = None
    created_at: str = None


@dataclasses.dataclass
class Request(Resource):
    """One accepted event of a function. duration is in milliseconds.

    ``payload`` and ``response`` are only filled by get.
    """
    id: str = None
    project_id: str = None
    function_id: str = None
    version_id: str = None
    type: str = None
    event: str = None
    status: str = None
    attempt: int = None
    max_attempts: int = None
    start: str = None
    code: str = None
    detail: str = None
    executor: str = None
    created_at: str = None
    started_at: str = None
    finished_at: str = None
    duration: float = None
    payload: typing.Any = None
    response: typing.Any = None

    @property
    def finished(self):
        return self.status in FINISHED


@dataclasses.dataclass
class Logs(Resource):
    """A piece of a request's output.

    offset is where the next piece starts, in characters; truncated says that
    the server cut the output; complete that nothing will be added.
    """
    request_id: str = None
    logs: str = ''
    offset: int = 0
    truncated: bool = False
    complete: bool = False


@dataclasses.dataclass
class Execution(Resource):
    """What came of calling a function.

    Of an async function only request_id, and status ``queued``.
    """
    request_id: str = None
    status: str = None
    response: typing.Any = None
    duration: float = None
    start: str = None


@dataclasses.dataclass
class Event(Resource):
    id: str = None
    name: str = None
    description: str = None
    created_at: str = None


@dataclasses.dataclass
class Service(Resource):
    """A process of Pratai. status is ``up`` or ``down``, which the service
    decides; state is ``enabled``, ``disabled`` or ``draining``, which admins
    do.
    """
    id: str = None
    binary: str = None
    host: str = None
    status: str = None
    state: str = None
    state_reason: str = None
    started_at: str = None
    updated_at: str = None
    details: dict = None

    @property
    def drained(self):
        """Whether it has drained, and nothing is left on it."""
        return bool((self.details or {}).get('drained'))

    @property
    def down_since(self):
        """When one that is down was last heard of; None for one that is up
        and for one that was stopped in order, which is in the list for what
        admins said of it."""
        if self.status != 'down' or (self.updated_at or '1970').startswith(
                '1970'):
            return None
        return self.updated_at


@dataclasses.dataclass
class Status(Resource):
    """Health of the whole: status is ``ok`` or ``degraded``."""
    status: str = None
    services: list = None
    warnings: list = None

    @classmethod
    def from_api(cls, data):
        found = super().from_api(data)
        found.services = [Service.from_api(one)
                          for one in found.services or []]
        found.warnings = list(found.warnings or [])
        return found
