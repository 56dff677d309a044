# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the rules of :mod:`pratai.policies`, enforced."""

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


def _enforcer(conf):
    enforcer = policy.Enforcer(conf)
    enforcer.register_defaults(policies.list_rules())
    return enforcer


def get_enforcer():
    """Entry point of oslo.policy.enforcer, for oslopolicy-* commands."""
    return _enforcer(config.new())
