# SPDX-License-Identifier: Apache-2.0
"""A small real HTTP server that speaks as Pratai does.

What is uploaded is really run, in this process.
"""

import email.parser
import email.policy
import io
import json
import re
import threading
import time
import traceback
import urllib.parse
import uuid
import zipfile

from prataiclient.tests import servers

NOW = '2026-11-21T20:18:14.123456Z'


class Problem(Exception):
    def __init__(self, status, code, detail, headers=()):
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers)


class Pratai(servers.Server):
    """The API and the webhook on one port.

    :param keystone: where it is given, its tokens are wanted
    """

    def __init__(self, keystone=None):
        super().__init__()
        self.keystone = keystone
        self.functions = {}
        self.packages = {}
        self.builds = {}
        self.mains = {}
        self.requests = {}
        self.logs = {}
        #: what list answers hold at most
        self.page = 1000
        #: path -> (status, headers, body) to answer instead
        self.instead = {}
        #: what stops builds and requests half way until it is set
        self.gate = threading.Event()
        self.gate.set()

    def respond(self, method, path, headers, body):
        try:
            return self.handle(method, path, headers, body)
        except Problem as problem:
            request_id = 'req-' + str(uuid.uuid4())
            return problem.status, dict(
                problem.headers, **{'x-openstack-request-id': request_id}
            ), {'status': problem.status, 'title': 'Problem',
                'detail': problem.detail, 'code': problem.code,
                'request_id': request_id}

    def handle(self, method, path, headers, body):
        parts = urllib.parse.urlsplit(path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        where = urllib.parse.unquote(parts.path)
        if where in self.instead:
            return self.instead[where]
        if where == '/':
            return 200, {}, {
                'versions': [{'id': 'v1', 'status': 'CURRENT'}],
                'auth': 'keystone' if self.keystone else 'none'}
        token = headers.get('X-Auth-Token')
        if self.keystone and token not in self.keystone.tokens:
            raise Problem(401, None, 'The request you have made requires '
                                     'authentication.')
        name = (token or 'admin:admin').split(':')
        for pattern, function in (
                (r'/v1/functions$', self.on_functions),
                (r'/v1/functions/([^/]+)(/.*)?$', self.on_function),
                (r'/v1/requests$', self.on_requests),
                (r'/v1/requests/([^/]+)(/.*)?$', self.on_request),
                (r'/v1/(runtimes|events|services|status)(/.*)?$',
                 self.on_others),
                (r'/function/([^/]+)$', self.on_webhook)):
            match = re.match(pattern, where)
            if match:
                found = function(method, query, headers, body, name,
                                 *match.groups())
                return found if isinstance(found, tuple) else (200, {}, found)
        raise Problem(404, 'path.not_found', 'There is nothing here')

    @staticmethod
    def visible(things, query, name):
        """Those that the caller may see, by id."""
        if query.pop('all_projects', None) == 'true':
            return things
        return {id: one for id, one in things.items()
                if one['project_id'] == name[-1]}

    def listing(self, key, things, query, *filters):
        prefix = query.pop('id', '')
        things = [one for one in things if one['id'].startswith(prefix)]
        for name in filters:
            wanted = query.pop(name, None)
            if wanted is not None:
                things = [one for one in things if one[name] == wanted]
        limit = min(int(query.pop('limit', 100)), self.page)
        marker = query.pop('marker', None)
        query.pop('sort', None)
        if query:
            raise Problem(400, 'request.invalid', 'Unknown: %s' % query)
        if marker:
            ids = [one['id'] for one in things]
            things = things[ids.index(marker) + 1:]
        more = len(things) > limit
        return {key: things[:limit],
                'next': 'http://elsewhere/?next' if more else None}

    # Functions

    def on_functions(self, method, query, headers, body, name):
        if method == 'GET':
            return self.listing(
                'functions',
                list(self.visible(self.functions, query, name).values()),
                query, 'name', 'status', 'runtime', 'type')
        message = email.parser.BytesParser(
            policy=email.policy.HTTP).parsebytes(
                b'Content-Type: %s\r\n\r\n' % headers['Content-Type'].encode()
                + body)
        form = {part.get_param('name', header='content-disposition'): part
                for part in message.iter_parts()}
        assert form['metadata'].get_content_type() == 'application/json'
        metadata = json.loads(form['metadata'].get_payload(decode=True))
        content = form['zip_file'].get_payload(decode=True)
        return 202, {}, self.create(metadata, content, name)

    def create(self, metadata, content, name=('admin', 'admin')):
        """What POST /v1/functions does."""
        if metadata['name'] in [one['name']
                                for one in self.functions.values()]:
            raise Problem(409, 'function.name_in_use',
                          "There is a function '%s' already"
                          % metadata['name'])
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as package:
                files = {one: package.read(one).decode()
                         for one in package.namelist()}
        except zipfile.BadZipFile:
            raise Problem(400, 'package.not_a_zip', 'It is not a zip file')
        id = uuid.uuid4().hex
        sync = metadata.pop('wait_for_response', False)
        function = {
            'id': id, 'project_id': name[1], 'user_id': name[0],
            'description': '', 'type': 'sync' if sync else 'async',
            'event': 'webhook', 'public': False,
            'endpoint': '%s/function/%s' % (self.url, id),
            'runtime': 'python311', 'memory': 128, 'cpus': 1, 'timeout': 60,
            'isolation': 'request', 'network': False, 'limit': 100,
            'status': 'building', 'status_detail': None, 'status_code': None,
            'version': 1, 'version_id': uuid.uuid4().hex, 'created_at': NOW,
            'updated_at': NOW, 'later': 'a field of a newer server',
            **metadata}
        self.functions[id] = function
        self.packages[id] = content
        build = {'id': uuid.uuid4().hex, 'function_id': id, 'version': 1,
                 'status': 'running', 'code': None, 'detail': None,
                 'log': '', 'created_at': NOW}
        self.builds[id] = [build]
        answer = dict(function, webhook_token='secret')
        threading.Thread(target=self.build, args=(function, build, files),
                         daemon=True).start()
        return answer

    def build(self, function, build, files):
        time.sleep(0.05)
        for line in files.get('requirements.txt', '').split():
            build['log'] += 'Collecting %s\n' % line
            self.gate.wait(30)
            if line == 'no-such-thing':
                build['log'] += 'ERROR: No matching distribution found\n'
                function.update(status_code='build.requirements_failed',
                                status_detail='pip failed', status='error')
                build.update(status='failed')
                return
        scope = {}
        try:
            exec(files['new_module.py'], scope)
            scope['main']
        except Exception as exc:
            build['log'] += traceback.format_exc()
            function.update(status_code='build.import_failed',
                            status_detail=repr(exc), status='error')
            build.update(status='failed')
            return
        self.mains[function['id']] = scope['main']
        build.update(status='succeeded', finished_at=NOW)
        function['status'] = 'inactive'

    def on_function(self, method, query, headers, body, name, id, rest):
        if id not in self.visible(self.functions, query, name):
            raise Problem(404, 'function.not_found',
                          "There is no function '%s'" % id)
        if method == 'DELETE':
            del self.functions[id]
            return 204, {}, b''
        if method == 'PATCH':
            self.functions[id].update(json.loads(body))
        if rest == '/builds':
            return {'builds': self.builds[id]}
        if rest == '/package':
            return (200, {'Content-Type': 'application/zip'},
                    self.packages[id])
        return dict(self.functions[id], webhook_token='secret')

    # Requests

    def on_webhook(self, method, query, headers, body, name, id):
        function = self.functions[id]
        request = {'id': '019a' + uuid.uuid4().hex[4:], 'function_id': id,
                   'project_id': function['project_id'],
                   'type': function['type'],
                   'event': 'webhook', 'status': 'queued', 'code': None,
                   'detail': None, 'attempt': 1, 'max_attempts': 3,
                   'created_at': NOW, 'duration': None,
                   'payload': json.loads(body)['payload'], 'response': None}
        self.requests[request['id']] = request
        self.logs[request['id']] = ''
        if function['type'] == 'async':
            threading.Thread(target=self.run, args=(function, request),
                             daemon=True).start()
            return 202, {}, {'request_id': request['id']}
        self.run(function, request)
        headers = {'X-Pratai-Request-Id': request['id'],
                   'X-Pratai-Status': request['status'],
                   'X-Pratai-Duration': '12.5', 'X-Pratai-Start': 'warm'}
        if request['status'] != 'succeeded':
            raise Problem(502, request['code'], request['detail'], headers)
        return 200, headers, request['response']

    def run(self, function, request):
        time.sleep(0.02)
        if request['status'] == 'cancelled':
            return
        request['status'] = 'running'
        self.logs[request['id']] += 'begin\n'
        self.gate.wait(30)
        if request['status'] == 'cancelled':
            return
        self.logs[request['id']] += 'end\n'
        try:
            request['response'] = self.mains[function['id']](
                request['payload'])
        except Exception as exc:
            request.update(code='function.failed', status='failed',
                           detail='%s: %s' % (type(exc).__name__, exc))
        else:
            request.update(duration=12.5, status='succeeded')

    def on_requests(self, method, query, headers, body, name):
        newest = reversed(
            self.visible(self.requests, query, name).values())
        hidden = [{k: v for k, v in one.items()
                   if k not in ('payload', 'response')} for one in newest]
        return self.listing('requests', hidden, query,
                            'function_id', 'status')

    def on_request(self, method, query, headers, body, name, id, rest):
        if id not in self.visible(self.requests, query, name):
            raise Problem(404, 'request.not_found',
                          "There is no request '%s'" % id)
        request = self.requests[id]
        finished = request['status'] not in ('queued', 'running')
        if rest == '/logs':
            logs = self.logs[id]
            return {'request_id': id,
                    'logs': logs[int(query.get('offset', 0)):],
                    'offset': len(logs), 'truncated': False,
                    'complete': finished}
        if rest == '/cancel':
            if finished:
                raise Problem(409, 'request.finished',
                              'Request %s has finished' % id)
            request.update(status='cancelled', code='function.cancelled')
            return 202, {}, request
        if method == 'DELETE':
            del self.requests[id]
            return 204, {}, b''
        return request

    # The rest

    def on_others(self, method, query, headers, body, name, kind, rest):
        services = [{'id': 's', 'binary': 'pratai-conductor', 'host': 'node',
                     'status': 'down', 'updated_at': NOW,
                     'details': {'a': 1}}]
        if kind == 'status':
            return {'status': 'degraded', 'services': services,
                    'warnings': ['one thing', 'another']}
        things = {'runtimes': [
            {'id': '1' * 32, 'name': 'python27', 'language': 'python',
             'version': '2.7.18', 'description': '', 'status': 'available',
             'default': False, 'created_at': NOW},
            {'id': '2' * 32, 'name': 'python311', 'language': 'python',
             'version': '3.11.2', 'description': '', 'status': 'available',
             'default': True, 'created_at': NOW}],
            'events': [{'id': 'webhook', 'name': 'webhook',
                        'description': 'an HTTP POST', 'created_at': None}],
            'services': services}[kind]
        if not rest:
            return {kind: things}
        for thing in things:
            if rest[1:] in (thing['id'], thing.get('name')):
                return thing
        raise Problem(404, kind[:-1] + '.not_found',
                      "There is no %s '%s'" % (kind[:-1], rest[1:]))
