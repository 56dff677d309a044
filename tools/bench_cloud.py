# SPDX-License-Identifier: Apache-2.0
"""The part of bench.py about a whole cloud on one machine.

Starts Keystone, RabbitMQ, MariaDB, a registry, a Docker engine and each of
Pratai's processes on loopback; takes root. service_cpu_ms is all of Pratai's
processes with broker and database; instances_cpu_ms the engine and its
containers.
"""

import glob
import os
import statistics
import time

import bench

from pratai.tests.integration import cloud
from pratai.tests.integration import engine

TICK = os.sysconf('SC_CLK_TCK')


def why_not():
    """:returns: why a cloud cannot be started here, or None."""
    for reason in (engine.why_not(), *(cls.missing() for cls in cloud.NEEDS)):
        if reason:
            return reason


class CloudBench(bench.Bench):

    def make(self):
        return cloud.Cloud(nodes=1, options={
            ('executor', 'max_instances'): 100,
            ('webhook', 'max_waiting'): 64})

    def run(self, arguments):
        self.cloud = self.pratai
        self.cloud.setUp()
        try:
            self.pratai = self.cloud.pratai
            self.measure(arguments)
        finally:
            self.cloud.cleanUp()

    def url(self, function):
        return '%s/function/%s' % (self.pratai.webhooks[0].url,
                                   function['id'])

    def api(self):
        return self.pratai.api.url

    def create(self, name, **metadata):
        started = time.perf_counter()
        function = self.pratai.create(name, bench.ECHO, public=True,
                                      **metadata)
        assert function['status'] == 'inactive', function
        self.took = (time.perf_counter() - started) * 1000
        return function

    def _spent(self):
        service = instances = 0
        roots = [one.root for one in self.cloud.engines]
        ours = set()
        for one in (*self.pratai.services, self.cloud.broker,
                    self.cloud.database):
            ours.update(self._below(one.pid))
        for path in glob.glob('/proc/[0-9]*/stat'):
            pid = int(path.split('/')[2])
            try:
                with open(path) as file:
                    fields = file.read().rsplit(')', 1)[1].split()
            except OSError:
                continue
            spent = sum(int(field) for field in fields[11:15])
            if pid in ours:
                service += spent
            elif any(engine._is_of(pid, root) for root in roots):
                instances += spent
        return service / TICK, instances / TICK

    @staticmethod
    def _below(pid):
        pids, found = [pid], []
        while pids:
            pid = pids.pop()
            found.append(pid)
            for path in glob.glob('/proc/%d/task/*/children' % pid):
                try:
                    with open(path) as file:
                        pids += [int(child) for child in file.read().split()]
                except OSError:
                    continue
        return found

    def ready(self):
        for name, requirements in (('no dependencies', ''),
                                   ('numpy in the cache', 'numpy\n')):
            latencies = []
            for number in range(6):
                started = time.perf_counter()
                function = self.pratai.create(
                    '%s-%d' % (name[:2], number), bench.ECHO, requirements)
                assert function['status'] == 'inactive', function
                latencies.append((time.perf_counter() - started) * 1000)
            # The first one made the layer.
            self.say('create until ready, ' + name,
                     **bench.figures(latencies[1:]))

    def show(self):
        function = self.create('shown')
        result = self.load_url(
            '%s/v1/functions/%s' % (self.api(), function['id']), 1, '500x', '',
            'X-Auth-Token: ' + self.pratai.http.headers['X-Auth-Token'])
        self.say('API show, cached token', statuses=result['statuses'],
                 **bench.figures(result['latencies']))

    def memory(self):
        """One idle instance, with its share of the engine's processes."""
        before = self._pss()
        sizes = []
        for number in range(5):
            function = self.create('idle-%d' % number, type='sync')
            self.pratai.http.post(self.url(function), json={'payload': 1},
                                  timeout=60)
            time.sleep(1)
            after = self._pss()
            sizes.append(after - before)
            before = after
        self.say('an idle instance more',
                 median_mb=round(statistics.median(sizes), 1))

    def _pss(self):
        total = 0
        for path in glob.glob('/proc/[0-9]*/smaps_rollup'):
            pid = int(path.split('/')[2])
            if not any(engine._is_of(pid, one.root)
                       for one in self.cloud.engines):
                continue
            try:
                with open(path) as file:
                    for line in file:
                        if line.startswith('Pss:'):
                            total += int(line.split()[1])
            except OSError:
                continue
        return total / 1024

    def measure(self, arguments):
        self.show()
        self.memory()
        self.sync()
        self.cold()
        self.asynchronous()
        self.ready()
