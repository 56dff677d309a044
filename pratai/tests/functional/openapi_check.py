# SPDX-License-Identifier: Apache-2.0
"""Compares real answers with an OpenAPI document."""

import json
import re

import jsonschema
import referencing
from referencing import jsonschema as specifications
import webob

URI = 'urn:openapi'


class Checker:
    """WSGI middleware that fails when an answer is not as documented.

    :raises AssertionError: from calls, naming what differs.
    """

    def __init__(self, application, document):
        self._application = application
        self._document = document
        self._registry = referencing.Registry().with_resource(
            URI, referencing.Resource(
                contents=document,
                specification=specifications.DRAFT202012))
        self._paths = [
            (re.compile(re.sub(r'\{\w+\}', '[^/]+', path) + '/?'), path)
            for path in document['paths']]

    def __call__(self, environ, start_response):
        path, method = environ['PATH_INFO'], environ['REQUEST_METHOD']
        response = webob.Request(environ).get_response(self._application)
        operation = self.operation(method, path)
        if operation is not None:
            self._check(operation, response)
        elif method not in ('HEAD', 'OPTIONS') and path != '/healthcheck':
            assert response.status_int >= 400, (method, path)
            self.check(response.json, {'$ref': '#/components/schemas/Error'})
        return response(environ, start_response)

    def operation(self, method, path):
        """:returns: the description of a call, None when there is none."""
        for pattern, name in self._paths:
            if pattern.fullmatch(path):
                return self._document['paths'][name].get(method.lower())
        return None

    def _check(self, operation, response):
        promised = operation['responses'].get(str(response.status_int))
        assert promised is not None, (operation['operationId'],
                                      response.status, response.body)
        if '$ref' in promised:
            promised = self._document['components']['responses'][
                promised['$ref'].rpartition('/')[2]]
        for header in promised.get('headers', ()):
            assert header in response.headers, header
        content = promised.get('content', {})
        assert bool(response.body) == bool(content), response.body
        for media, description in content.items():
            assert response.content_type == media, response.content_type
            if media == 'application/json':
                self.check(json.loads(response.body), description['schema'])

    def check(self, value, schema):
        """:raises AssertionError: the value is not what the schema says."""
        if '$ref' in schema:
            schema = {'$ref': URI + schema['$ref']}
        validator = jsonschema.Draft202012Validator(
            schema, registry=self._registry,
            format_checker=jsonschema.FormatChecker())
        errors = [error.message for error in validator.iter_errors(value)]
        assert not errors, errors
