# SPDX-License-Identifier: Apache-2.0
"""The personas that all other rules are made of."""

from oslo_policy import policy

PROJECT_READER = 'rule:project_reader or rule:admin'
PROJECT_MEMBER = 'rule:project_member or rule:admin'
#: Reading, for services that meter or watch as well.
READER_OR_SERVICE = 'rule:project_reader or rule:admin or rule:service'
ADMIN = 'rule:admin'
ADMIN_OR_SERVICE = 'rule:admin or rule:service'

_OWN = ' and project_id:%(project_id)s'


def rule(name, check, description, *operations):
    """A rule of the API.

    :param operations: 'METHOD /path' of each call that it guards.
    """
    return policy.DocumentedRuleDefault(
        name=name, check_str=check, scope_types=['project'],
        description=description,
        operations=[dict(zip(('method', 'path'), operation.split()))
                    for operation in operations])


def list_rules():
    # NOTE: the stronger roles are named as well: not every Keystone has been
    # told that a manager is a member and a member a reader.
    return [
        policy.RuleDefault(
            'admin', 'role:admin', scope_types=['project'],
            description='Runs the cloud: may do everything.'),
        policy.RuleDefault(
            'service', 'role:service', scope_types=['project'],
            description='Another service of the cloud, such as metering: '
                        'reads functions and requests of all projects.'),
        policy.RuleDefault(
            'project_manager', 'role:manager' + _OWN,
            scope_types=['project'],
            description='Runs a project: so far what a member may.'),
        policy.RuleDefault(
            'project_member',
            '(role:member' + _OWN + ') or rule:project_manager',
            scope_types=['project'],
            description='Works in a project: makes, runs and deletes '
                        'functions.'),
        policy.RuleDefault(
            'project_reader',
            '(role:reader' + _OWN + ') or rule:project_member',
            scope_types=['project'],
            description='Looks at a project, changes and runs nothing.'),
    ]
