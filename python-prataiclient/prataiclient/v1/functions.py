# SPDX-License-Identifier: Apache-2.0
"""Functions: create, find, change, call, delete."""

import json
import os

from prataiclient import exceptions
from prataiclient import http as pratai_http
from prataiclient import resources
from prataiclient.v1 import base
from prataiclient.v1 import requests

#: Seconds that a sync call may take beyond the function's own timeout: for
#: room to be found, and the function to be loaded.
START_ALLOWANCE = 300


class Functions(base.Manager):
    path = '/functions'
    key = 'functions'
    resource = resources.Function
    thing = 'function'

    def create(self, name, package, **settings):
        """Create a function; it is built after this has returned.

        :param package: path of a zip file, or its content as bytes
        :param settings: description, type, wait_for_response, runtime,
            memory (MB), cpus, timeout (seconds), event, public, isolation,
            network, limit. Where one is missing or None the server decides.
        :returns: the Function, as a rule in status ``building``
        :raises: InvalidInput where the file cannot be read, BadRequest,
            Conflict (name in use), TooLarge
        """
        metadata = {k: v for k, v in settings.items() if v is not None}
        metadata['name'] = name
        if isinstance(package, bytes):
            content, filename = package, 'package.zip'
        else:
            filename = os.path.basename(package)
            try:
                with open(package, 'rb') as f:
                    content = f.read()
            except OSError as exc:
                raise exceptions.InvalidInput('Cannot read %s: %s' % (
                    package, exc.strerror))
        response = self.http.call('POST', self.path, files={
            'metadata': (None, json.dumps(metadata), 'application/json'),
            'zip_file': (filename, content, 'application/zip'),
        })
        return self.resource.from_api(pratai_http.read_json(response))

    def list(self, name=None, id=None, status=None, runtime=None, type=None,
             limit=None, marker=None, sort=None, all_projects=None,
             project_id=None):
        """The functions of the project.

        :param all_projects: True: those of every project; for admins
        :param project_id: with all_projects only those of this one
        :param id: an id or the first digits of one
        :param limit: at most so many; all by default
        :param marker: id of the one before the first to return
        :param sort: for example ``created_at:desc``
        """
        return self._list(limit=limit, name=name, id=id, status=status,
                          runtime=runtime, type=type, marker=marker,
                          sort=sort, all_projects=all_projects,
                          project_id=project_id)

    def find(self, name_or_id, all_projects=None):
        """The function with this name, id, or beginning of an id.

        A name goes before a beginning of an id, and a whole id before both.
        A beginning counts from four digits on.

        :param all_projects: True: look in every project; for admins
        :raises: NotFound; AmbiguousName with the candidates
        """
        wanted = name_or_id
        everywhere = {'all_projects': True} if all_projects else {}
        if base.is_id(wanted):
            found = self._get_or_none(wanted, **everywhere)
            if found:
                return found
        found = self.list(name=wanted, **everywhere) if wanted else []
        if not found and base.is_id_prefix(wanted):
            found = self.list(id=wanted, **everywhere)
        return self._pick(wanted, found, **everywhere)

    def update(self, id, all_projects=None, **settings):
        """Change a function; its code stays as it is, nothing is built.

        Requests that are accepted from now on run with the new settings.

        :param all_projects: as for :meth:`find`
        :param settings: name, description, public, type, wait_for_response,
            timeout (seconds), memory (MB), cpus, limit, network, isolation.
            What is missing or None stays as it is.
        :returns: the Function
        :raises: NotFound, BadRequest, Conflict (name in use)
        """
        return self._update(id, {name: value for name, value
                                 in settings.items() if value is not None},
                            all_projects=all_projects)

    def delete(self, id, all_projects=None):
        """Delete a function with its builds and packages.

        :param all_projects: as for :meth:`find`
        :raises: NotFound
        """
        self._delete(id, all_projects=all_projects)

    def package(self, id, all_projects=None):
        """The zip file that the function was made from, as bytes.

        :param all_projects: as for :meth:`find`
        """
        return self.http.call(
            'GET', '%s/%s/package' % (self.path, base.quote(id)),
            params={'all_projects': all_projects}).content

    def builds(self, id, all_projects=None):
        """The builds of a function, newest first, with their logs.

        :param all_projects: as for :meth:`find`
        """
        body = self.http.get('%s/%s/builds' % (self.path, base.quote(id)),
                             all_projects=all_projects)
        if not isinstance(body.get('builds'), list):
            raise exceptions.BadAnswer("The server's answer has no builds")
        return [resources.Build.from_api(one) for one in body['builds']]

    def wait(self, id, on_log=None):
        """Wait until a function is built.

        :param on_log: called with each new piece of the build's log (text)
        :returns: the Function, which can be executed now
        :raises: BuildFailed with the function and its build
        """
        seen = ''
        for _ in base.pauses():
            function = self.get(id)
            builds = self.builds(id)
            build = builds[0] if builds else None
            log = (build.log if build else None) or ''
            if on_log and log != seen:
                # A log that was cut at its start is shown anew.
                on_log(log.removeprefix(seen))
                seen = log
            if function.status == 'error':
                raise exceptions.BuildFailed(
                    'Function %s was not built: %s' % (
                        function.name,
                        function.status_detail or 'no reason was given'),
                    function.status_code, function, build)
            if function.status != 'building':
                return function

    def execute(self, function, payload=None, wait=False, on_queued=None):
        """Call a function.

        :param function: a Function as get, find, create or wait return it
        :param payload: a JSON value
        :param wait: True: wait for the response of an async function too
        :param on_queued: called with the id of the request when that is
            waited for
        :returns: Execution; of an async function that is not waited for
            only with request_id, for ``requests.wait``
        :raises: ExecutionFailed where the function was called in vain,
            other HTTPErrors where it was not called
        """
        response = self.http.send(
            'POST', function.endpoint, json={'payload': payload},
            timeout=(function.timeout or 0) + START_ALLOWANCE)
        execution_id = response.headers.get('X-Pratai-Request-Id')
        status = response.headers.get('X-Pratai-Status')
        if response.status_code == 202:
            body = pratai_http.read_json(response)
            execution_id = body.get('request_id')
            if wait:
                if on_queued:
                    on_queued(execution_id)
                return self._outcome(function, execution_id)
            return resources.Execution(
                request_id=execution_id, status='queued')
        if response.status_code >= 400:
            if status and status != 'succeeded':
                error = exceptions.read_error(response)
                raise exceptions.ExecutionFailed(
                    function.name, execution_id, status, error['detail'],
                    error['code'])
            raise exceptions.from_response(response)
        try:
            value = response.json()
        except ValueError:
            raise exceptions.BadAnswer('%s did not answer with JSON'
                                       % function.endpoint)
        duration = response.headers.get('X-Pratai-Duration')
        return resources.Execution(
            request_id=execution_id, status=status or 'succeeded',
            response=value, duration=float(duration) if duration else None,
            start=response.headers.get('X-Pratai-Start'))

    def _outcome(self, function, id):
        request = requests.Requests(self.http).wait(id)
        if request.status != 'succeeded':
            raise exceptions.ExecutionFailed(
                function.name, id, request.status, request.detail,
                request.code)
        return resources.Execution(
            request_id=id, status=request.status, response=request.response,
            duration=request.duration, start=request.start)
