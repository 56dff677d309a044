# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the rules of :mod:`pratai.policies`, enforced."""

import functools
import inspect

from oslo_policy import _checks
from oslo_policy import policy

from pratai import conf as config
from pratai import exception
from pratai import policies


class Policy:
    """The rules in force: the defaults, changed by the operator's file.

    :param conf: ``[oslo_policy]`` says where that file is.
    """

    def __init__(self, conf):
        self._enforcer = _enforcer(conf)

    def authorize(self, context, rule):
        """Let a call pass, or not.

        :param context: the caller's :class:`pratai.context.RequestContext`.
        :param rule: full name of a registered rule.
        :raises exception.Forbidden: the caller may not.
        """
        if not context.project_id:
            raise exception.Forbidden(
                'A token of a project is needed; this one has no scope, or '
                'that of a domain or of the whole system.',
                code='request.no_project')
        if not self.allows(context, rule):
            raise exception.Forbidden(
                'The policy %s does not allow this to you.' % rule)

    def allows(self, context, rule):
        """:returns: whether the caller may."""
        # NOTE: a rule like project_id:%(project_id)s compares text, and
        # "None" equals "None": a token without a project would own whatever
        # has none.
        if not context.project_id:
            return False
        try:
            return bool(self._enforcer.authorize(
                rule, context.target(), context))
        except policy.InvalidScope:
            return False


def _check(rule, target, creds, enforcer, current_rule):
    """What oslo.policy 6 has under this name, but for the memory: there
    each check inspects a signature that never changes. That took a fifth of
    GET /v1/functions/{id}, all its middleware included: 960 or 780 us on a
    2-core machine."""
    if _takes_name(type(rule)):
        return rule(target, creds, enforcer, current_rule)
    return rule(target, creds, enforcer)


@functools.lru_cache(maxsize=1024)
def _takes_name(kind):
    """:returns: whether a kind of rule wants to know the rule's name."""
    return len(inspect.getfullargspec(kind.__call__).args) > 4


def _enforcer(conf):
    _checks._check = _check
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def get_enforcer():
    """Entry point of oslo.policy.enforcer, for oslopolicy-* commands."""
    return _enforcer(config.new())
