#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure what the documentation says of Pratai.

Of pratai-standalone with the process runtime, and of a whole cloud (see
bench_cloud.py, which takes root and some daemons). Starts its own on
loopback, with an echo function. Prints a table and JSON. Nothing is compared
with a target here: machines differ, and so do their neighbours.
"""

import argparse
import collections
import contextlib
import functools
import glob
import json
import os
import statistics
import subprocess
import sys
import time

from pratai import conf as configuration
from pratai.db import api as db_api
from pratai.db import base as db_base
from pratai.tests.functional import standalone

ECHO = 'def main(payload=None):\n    return payload\n'
BODY = '{"payload":{"key":"value"}}'
#: How often each load is repeated; the median of them counts.
ROUNDS = 5
#: Async requests of one round: so many that how it begins and ends is little
#: of it.
RECORDED = 4000
FORK = '''
import os, time
taken = []
for _ in range(50):
    started = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    taken.append(time.perf_counter() - started)
print(sorted(taken)[25] * 1000)
'''
LOAD = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'load.py')


def percentile(values, share):
    """:returns: the nearest-rank percentile."""
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def figures(latencies):
    return {'p50_ms': round(statistics.median(latencies), 2),
            'p99_ms': round(percentile(latencies, 0.99), 2),
            'samples': len(latencies)}


def yardstick():
    """:returns: median ms that a bare Python takes to fork and to bury its
        child: how fast this machine is at this moment."""
    return float(subprocess.run([sys.executable, '-I', '-S', '-c', FORK],
                                check=True, capture_output=True).stdout)


class Bench:

    def __init__(self, seconds):
        self.seconds = seconds
        self.results = {}
        #: How many async requests of a function were accepted.
        self.accepted = collections.Counter()
        self.pratai = self.make()

    def make(self):
        """:returns: the fixture that is measured."""
        return standalone.Standalone({('executor', 'max_instances'): 100})

    def url(self, function):
        return '%s/function/%s' % (self.pratai.webhook, function['id'])

    def create(self, name, **metadata):
        """:returns: a new echo function, built."""
        return self.pratai.create(name, ECHO, **metadata)

    def get(self, path, **params):
        return self.pratai.get(path, **params)

    def api(self):
        """:returns: URL of the control API."""
        return self.pratai.api

    def say(self, name, **values):
        self.results[name] = values
        print('%-34s %s' % (name, '  '.join(
            '%s=%s' % item for item in values.items())), flush=True)

    def load(self, function, callers, amount=None):
        return self.load_url(self.url(function), callers, amount, BODY)

    def load_url(self, url, callers, amount, body, *headers):
        """:returns: what load.py prints."""
        return json.loads(subprocess.run(
            [sys.executable, '-I', LOAD, url, str(callers),
             amount or str(self.seconds / ROUNDS), body, *headers],
            check=True, stdout=subprocess.PIPE, text=True).stdout)

    def rounds(self, loads):
        """Put several loads on it in turns, a few rounds of them.

        A neighbour of this machine that is busy for a while then spoils a
        round of each, and not all of one.

        :param loads: {name: callable that returns what load() does}.
        """
        found = {name: [] for name in loads}
        for _ in range(ROUNDS):
            for name, load in loads.items():
                before = self._spent()
                result = load()
                result['spent'] = [
                    (after - then) * 1000 / len(result['latencies'])
                    for then, after in zip(before, self._spent())]
                result['yardstick'] = yardstick()
                found[name].append(result)
        for name, results in found.items():
            rates = [len(result['latencies']) / result['seconds']
                     for result in results]
            statuses = collections.Counter()
            for result in results:
                statuses.update(result['statuses'])
            self.say(
                name, per_second=round(statistics.median(rates)),
                of_rounds='%d..%d' % (min(rates), max(rates)),
                **figures([latency for result in results
                           for latency in result['latencies']]),
                service_cpu_ms=self._median(results, 'spent', 0),
                instances_cpu_ms=self._median(results, 'spent', 1),
                yardstick_ms=round(statistics.median(
                    result['yardstick'] for result in results), 2),
                statuses=dict(statuses))

    @staticmethod
    def _median(results, key, index):
        return round(statistics.median(
            result[key][index] for result in results), 2)

    # -- what is measured

    def idle(self):
        time.sleep(12)
        before, started = self._cpu(), time.monotonic()
        time.sleep(10)
        spent = self._cpu() - before
        self.say('idle', rss_mb=self._rss(),
                 cpu_percent=round(
                     100 * spent / (time.monotonic() - started), 2))

    def _tree(self):
        pids, found = [self.pratai.process.pid], []
        while pids:
            pid = pids.pop()
            found.append(pid)
            for path in glob.glob('/proc/%d/task/*/children' % pid):
                with contextlib.suppress(OSError), open(path) as file:
                    pids += [int(child) for child in file.read().split()]
        return found

    def _rss(self):
        pages = 0
        for pid in self._tree():
            with contextlib.suppress(OSError), \
                    open('/proc/%d/statm' % pid) as file:
                pages += int(file.read().split()[1])
        return round(pages * os.sysconf('SC_PAGE_SIZE') / 2 ** 20, 1)

    def _cpu(self):
        return self._spent()[0]

    def _spent(self):
        """:returns: seconds of CPU of (the service, its instances)."""
        tick = os.sysconf('SC_CLK_TCK')
        service = instances = 0
        for pid in self._tree():
            try:
                with open('/proc/%d/stat' % pid) as file:
                    fields = file.read().rsplit(')', 1)[1].split()
            except FileNotFoundError:
                continue
            if pid == self.pratai.process.pid:
                service += int(fields[11]) + int(fields[12])
            else:
                instances += sum(int(field) for field in fields[11:15])
        return service / tick, instances / tick

    def sync(self):
        loads = {}
        for isolation in ('request', 'instance'):
            function = self.create('sync-' + isolation, type='sync',
                                   isolation=isolation)
            self.load(function, 4, '200x')
            for callers in (1, 8, 16, 32):
                loads['wait, isolation=%s, %d callers' % (
                    isolation, callers)] = functools.partial(
                        self.load, function, callers)
        self.rounds(loads)

    def cold(self):
        latencies = []
        for number in range(30):
            function = self.create('cold-%d' % number, type='sync')
            started = time.perf_counter()
            response = self.pratai.http.post(
                self.url(function), json={'payload': 1}, timeout=60)
            latencies.append((time.perf_counter() - started) * 1000)
            assert response.headers['X-Pratai-Start'] == 'cold'
        self.say('cold start', **figures(latencies))

    def asynchronous(self):
        loads, functions = {}, []
        for isolation in ('request', 'instance'):
            function = self.create('async-' + isolation, isolation=isolation)
            functions.append(function)
            self._recorded(function, 4, '200x')
            loads['async to record, isolation=' + isolation] = (
                functools.partial(self._recorded, function, 64,
                                  '%dx' % RECORDED))
            if isolation == 'request':
                for callers in (1, 16, 64):
                    loads['async accepted, %d callers' % callers] = (
                        functools.partial(self._accepted, function, callers))
                kept = function
        self.rounds(loads)
        for function in functions:
            assert self._count(function) == self.accepted[function['id']]
        # What accepting alone can do: nothing is brought to the executor.
        self._executors('disabled')
        self.rounds({'async accepted, 64 callers, kept': functools.partial(
            self.load, kept, 64)})
        self._executors('enabled')
        self._drained(kept)

    def _executors(self, state):
        for service in self.get('/v1/services')['services']:
            if service['binary'] == 'pratai-executor':
                self.pratai.http.patch(
                    '%s/v1/services/%s' % (self.api(), service['id']),
                    json={'state': state}, timeout=60).raise_for_status()

    def _accepted(self, function, callers, amount=None):
        result = self.load(function, callers, amount)
        self.accepted[function['id']] += result['statuses']['202']
        self._drained(function)
        return result

    def _recorded(self, *args):
        """As load(), with the time until the last one was recorded."""
        result = self._accepted(*args)
        result['seconds'] = time.perf_counter() - result['started']
        return result

    def _drained(self, function):
        deadline = time.monotonic() + 600
        while any(self.get('/v1/requests', function_id=function['id'],
                           status=status, limit=1)['requests']
                  for status in ('queued', 'running')):
            assert time.monotonic() < deadline, 'requests are not finished'
            time.sleep(0.1)     # looking costs CPU, too

    def _count(self, function):
        """:returns: how many requests of a function succeeded."""
        total, more = 0, {}
        while True:
            page = self.get('/v1/requests', function_id=function['id'],
                            status='succeeded', limit=1000, **more)
            total += len(page['requests'])
            if page['next'] is None:
                return total
            more = {'marker': page['requests'][-1]['id']}

    def ready(self):
        directory = os.path.join(self.pratai.state_path, 'source')
        os.makedirs(directory)
        with open(os.path.join(directory, 'new_module.py'), 'w') as file:
            file.write(ECHO)
        for name, requirements in (('no dependencies', ''),
                                   ('the same requirements', 'six\n')):
            with open(os.path.join(directory, 'requirements.txt'),
                      'w') as file:
                file.write(requirements)
            if requirements:
                self._create(directory, 'first')
            self.say('function-create, ' + name, **figures([
                self._create(directory, '%s-%d' % (name[:2], number))
                for number in range(10)]))

    def _create(self, directory, name):
        started = time.perf_counter()
        subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), 'pratai'),
             'function-create', name, '--source', directory], check=True,
            capture_output=True,
            env=dict(os.environ, OS_PRATAI_URL=self.pratai.api))
        return (time.perf_counter() - started) * 1000

    def listing(self, rows):
        conf = configuration.new(files=[])
        conf.set_override('state_path', self.pratai.state_path)
        database = db_api.Database(conf)
        function = self.create('listed')
        for start in range(0, rows, 10000):
            ids = sorted(db_base.time_ordered_id() for _ in range(10000))
            database.request_add(
                [dict(id=id_, project_id=function['project_id'],
                      function_id=function['id'],
                      version_id=function['version_id'], type='async',
                      event='webhook', status='succeeded', attempt=1,
                      failures=0, max_attempts=3, created_at=db_base.now(),
                      duration=1.0, start='warm', executor='bench')
                 for id_ in ids],
                [dict(id=id_, payload=b'{"key":"value"}') for id_ in ids])
        database.dispose()
        for name, params in (('all', {}),
                             ('of a function',
                              {'function_id': function['id']}),
                             ('by status', {'status': 'succeeded'})):
            latencies = []
            for _ in range(100):
                started = time.perf_counter()
                page = self.get('/v1/requests', limit=100, **params)
                latencies.append((time.perf_counter() - started) * 1000)
                assert len(page['requests']) == 100
            self.say('100 of %d requests, %s' % (rows, name),
                     **figures(latencies))

    def measure(self, arguments):
        self.idle()
        self.sync()
        self.cold()
        self.asynchronous()
        self.ready()
        self.listing(arguments.rows)

    def run(self, arguments):
        self.pratai.setUp()
        try:
            self.measure(arguments)
        finally:
            self.pratai.cleanUp()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('what', nargs='?', choices=['embedded', 'cloud'],
                        help='default: both')
    parser.add_argument('--seconds', type=float, default=5,
                        help='how long each load lasts, in all its rounds '
                             '(default: 5)')
    parser.add_argument('--rows', type=int, default=1000000,
                        help='requests in the table for the lists')
    parser.add_argument('--json', help='file for the figures')
    arguments = parser.parse_args()
    results = {}
    for what in ([arguments.what] if arguments.what
                 else ['embedded', 'cloud']):
        kind = Bench
        if what == 'cloud':
            import bench_cloud
            reason = bench_cloud.why_not()
            if reason and arguments.what:
                sys.exit('A cloud cannot be measured here: %s' % reason)
            if reason:
                print('== cloud: not measured. %s' % reason)
                continue
            kind = bench_cloud.CloudBench
        print('== ' + what, flush=True)
        bench = kind(arguments.seconds)
        bench.run(arguments)
        results[what] = bench.results
        if arguments.json:
            with open(arguments.json, 'w') as file:
                json.dump(results, file, indent=2)
    print(json.dumps(results))


if __name__ == '__main__':
    main()
