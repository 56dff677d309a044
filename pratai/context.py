# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and for which project."""

from oslo_context import context


class RequestContext(context.RequestContext):
    """The identity of a caller, whatever proved it.

    ``from_environ`` of the base class reads it from the headers that
    keystonemiddleware leaves behind.
    """

    def target(self):
        """:returns: what a policy rule compares the caller with: what the
            call is about belongs to the caller's own project."""
        return {'project_id': self.project_id, 'user_id': self.user_id}
