# SPDX-License-Identifier: Apache-2.0

from oslo_policy import policy as oslo_policy

from pratai import context
from pratai import exception
from pratai import policies
from pratai import policy
from pratai.api import openapi
from pratai.policies import functions
from pratai.policies import services
from pratai.tests import base


class TestPolicy(base.TestCase):

    def setUp(self):
        super().setUp()
        self.policy = policy.Policy(self.conf)

    def allows(self, rule, roles, project_id='p1', **scope):
        return self.policy.allows(context.RequestContext(
            user_id='ann', project_id=project_id, roles=roles.split(','),
            overwrite=False, **scope), rule)

    def test_roles(self):
        table = {
            'reader': (True, False, False), 'member': (True, True, False),
            'manager': (True, True, False), 'admin': (True, True, True),
            'service': (True, False, False), 'Member': (True, True, False),
            'other': (False, False, False)}
        for role, expected in table.items():
            self.assertEqual(expected, tuple(
                self.allows(rule, role) for rule in (
                    functions.LIST, functions.CREATE, services.LIST)), role)

    def test_scopes(self):
        self.assertFalse(self.allows(functions.LIST, 'admin', None))
        self.assertFalse(self.allows(functions.LIST, 'admin', ''))
        self.assertFalse(self.allows(functions.LIST, 'admin', None,
                                     system_scope='all'))
        self.assertFalse(self.allows(functions.LIST, 'admin', None,
                                     domain_id='default'))

    def test_the_answer_names_the_rule(self):
        error = self.assertRaises(
            exception.Forbidden, self.policy.authorize,
            context.RequestContext(project_id='p1', roles=[],
                                   overwrite=False), functions.CREATE)
        self.assertIn('pratai:functions:create', error.detail)

    def test_rules_are_about_projects(self):
        for rule in policies.list_rules():
            self.assertEqual(['project'], rule.scope_types, rule.name)

    def test_rules_and_the_api_are_about_the_same_calls(self):
        guarded = {(operation['method'], operation['path'])
                   for rule in policies.list_rules()
                   if isinstance(rule, oslo_policy.DocumentedRuleDefault)
                   for operation in rule.operations
                   if operation['path'].startswith('/v1/')}
        calls = {(method.upper(), path) for path, operations in
                 openapi.document(self.conf)['paths'].items()
                 for method, operation in operations.items()
                 if operation.get('security') != []}
        self.assertEqual(calls, guarded)


class Old(oslo_policy.Check):
    """An operator's own check, as they were before they knew their rule."""

    def __call__(self, target, creds, enforcer):
        return creds['user_id'] == self.match


class New(oslo_policy.Check):

    def __call__(self, target, creds, enforcer, current_rule=None):
        return current_rule.endswith(self.match)


class TestChecks(base.TestCase):

    def test_both_kinds(self):
        for check in (Old, New):
            oslo_policy.register(check.__name__.lower(), check)
        path, = self.create_tempfiles([('policy', ''.join(
            '"%s": "%s"\n' % pair for pair in (
                (functions.LIST, 'old:ann'), (functions.SHOW, 'old:eve'),
                (functions.CREATE, 'new:create'),
                (functions.DELETE, 'old:eve or new:create'))))])
        self.conf.set_override('policy_file', path, 'oslo_policy')
        rules = policy.Policy(self.conf)
        caller = context.RequestContext(user_id='ann', project_id='p',
                                        overwrite=False)
        self.assertEqual([True, False, True, False], [
            rules.allows(caller, rule) for rule in (
                functions.LIST, functions.SHOW, functions.CREATE,
                functions.DELETE)])
