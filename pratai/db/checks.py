# SPDX-License-Identifier: Apache-2.0
"""What pratai-status asks."""

import collections

import sqlalchemy as sa

from pratai.db import models

Function = models.Function
Version = models.Version
Runtime = models.Runtime


class Checks:

    def runtimes_missing(self):
        """:returns: (name, why, count) of runtimes that cannot be had and
            are those of the current versions of so many functions."""
        count = sa.func.count()
        query = (sa.select(Version.runtime, Runtime.disabled, count)
                 .join(Function, Function.version_id == Version.id)
                 .outerjoin(Runtime, Runtime.name == Version.runtime)
                 .where(sa.or_(Runtime.id.is_(None), Runtime.disabled))
                 .group_by(Version.runtime, Runtime.disabled)
                 .order_by(Version.runtime))
        with self.reader() as session:
            return [(name, 'disabled' if disabled else 'not known', number)
                    for name, disabled, number in session.execute(query)]

    def data_urls_shared(self):
        """:returns: (URL, hosts) of data ports that more than one executor
            claims, so that callers reach the wrong one."""
        hosts = collections.defaultdict(list)
        for executor in self.executors_up():
            hosts[executor['private'].get('data_url')].append(
                executor['host'])
        return sorted((url, sorted(names)) for url, names in hosts.items()
                      if url and len(names) > 1)
