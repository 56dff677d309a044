# SPDX-License-Identifier: Apache-2.0
"""What is published about the API, against what is served and written."""

import os
import re

import jsonschema
import openapi_spec_validator

import pratai
from pratai.api import openapi
from pratai.api.controllers import base as controllers
from pratai.api.controllers import root
from pratai.tests.functional import api_world
from pratai.tests.functional import openapi_check


class TestOpenAPI(api_world.TestCase):

    def test_the_document(self):
        for strategy in ('noauth', 'keystone'):
            self.world.conf.set_override('auth_strategy', strategy,
                                         group='api')
            openapi_spec_validator.OpenAPIV31SpecValidator(
                openapi.document(self.world.conf)).validate()

    def test_it_is_what_is_served(self):
        served = self.call('/v1/openapi.json').json
        self.assertEqual([{'url': 'http://localhost'}], served.pop('servers'))
        self.assertEqual(openapi.document(self.world.conf), served)

    def test_it_has_every_resource(self):
        tree = root.Versions(controllers.Services(
            self.world.conf, None, None, None, None))
        found = dict(_walk(tree, ''))
        documented = {
            path: {method.upper() for method in operations}
            for path, operations in openapi.document(
                self.world.conf)['paths'].items()}
        self.assertEqual(
            {_anonymous(path): methods
             for path, methods in documented.items()}, found)

    def test_its_examples(self):
        document = openapi.document(self.world.conf)
        checker = openapi_check.Checker(None, document)
        count = 0
        for content in _contents(document):
            if 'example' in content:
                checker.check(content['example'], content['schema'])
                count += 1
        self.assertGreater(count, 20)

    def test_schemas_are_schemas(self):
        for schema in openapi.document(
                self.world.conf)['components']['schemas'].values():
            jsonschema.Draft202012Validator.check_schema(schema)


def _walk(controller, path):
    """Paths and methods of all controllers; {} stands for an item."""
    methods = set(controller.allowed()) - {'HEAD', 'OPTIONS'}
    if methods:
        yield path or '/', methods
    below = dict(controller.children)
    if controller.item is not None:
        below['{}'] = controller.item
    for word, child in below.items():
        yield from _walk(child, '%s/%s' % (path, word))


def _anonymous(path):
    return '/'.join('{}' if word.startswith('{') else word
                    for word in path.split('/'))


def _contents(node):
    """All media type objects of a document."""
    if isinstance(node, dict):
        yield from node.get('content', {}).values()
    children = node.values() if isinstance(node, dict) else node
    for child in children:
        if isinstance(child, (dict, list)):
            yield from _contents(child)


class TestReference(api_world.TestCase):
    """What api-ref says is what OpenAPI says."""

    SOURCE = os.path.join(os.path.dirname(pratai.__file__), os.pardir,
                          'api-ref', 'source')

    def sections(self):
        """Of each call: {(method, path): text}."""
        if not os.path.isdir(self.SOURCE):
            self.skipTest('the sources are not here')
        found = {}
        for name in sorted(os.listdir(self.SOURCE)):
            if not name.endswith('.inc') or name == 'webhook.inc':
                continue
            with open(os.path.join(self.SOURCE, name)) as file:
                parts = file.read().split('.. rest_method:: ')[1:]
            for part in parts:
                call, _, text = part.partition('\n')
                found[tuple(call.split())] = text
        del found['GET', '/healthcheck']
        return found

    def test_calls(self):
        document = openapi.document(self.world.conf)
        self.assertEqual(
            {(method.upper(), path)
             for path, operations in document['paths'].items()
             for method in operations}, set(self.sections()))

    def test_response_codes(self):
        document = openapi.document(self.world.conf)
        for (method, path), text in self.sections().items():
            operation = document['paths'][path][method.lower()]
            said = set(re.findall(r'\d+', ' '.join(re.findall(
                'response codes: (.*)', text))))
            if operation.get('security') == []:
                said |= {'400', '406'}
            self.assertEqual(set(operation['responses']) - {'500'}, said,
                             path)

    def test_parameters(self):
        document = openapi.document(self.world.conf)
        for (method, path), text in self.sections().items():
            operation = document['paths'][path][method.lower()]
            said = re.findall(r'^  - (\w+): (\w+)$', text,
                              re.MULTILINE)
            for kind in ('path', 'query'):
                self.assertEqual(
                    {item['name'] for item in operation['parameters']
                     if item.get('in') == kind},
                    {name for name, key in said if key.endswith('_' + kind)},
                    path)

    def test_settings(self):
        document = openapi.document(self.world.conf)
        form = document['paths']['/v1/functions']['post']['requestBody'][
            'content']['multipart/form-data']['schema']
        said = re.findall(r'^  - (\w+): \w+_in$',
                          self.sections()['POST', '/v1/functions'],
                          re.MULTILINE)
        self.assertEqual(list(form['properties']['metadata']['properties']),
                         said)

    def test_fields(self):
        schemas = openapi.document(self.world.conf)['components']['schemas']
        for path, name in (('/v1/functions/{function_id}', 'FunctionDetail'),
                           ('/v1/functions/{function_id}/builds', 'Build'),
                           ('/v1/requests/{request_id}', 'RequestDetail'),
                           ('/v1/requests/{request_id}/logs', 'Logs'),
                           ('/v1/runtimes/{runtime}', 'Runtime'),
                           ('/v1/status', 'Status')):
            text = self.sections()['GET', path].partition(
                'Response Parameters')[2]
            self.assertEqual(
                set(schemas[name]['properties']),
                set(re.findall(r'^  - (\w+): \w+$', text, re.MULTILINE)), path)
