# SPDX-License-Identifier: Apache-2.0
"""An oslo.messaging driver for processes that hold all of Pratai.

Messages go from thread to thread through queues that block: nothing sleeps
and looks again, nothing spins. (oslo.messaging's own ``fake`` driver polls
20 times a second, which is 50 ms for every call; ``kombu+memory`` keeps half
a core busy.) Messages are handed over as they are: what may be in them is
what JSON can hold, as over a real broker, and neither side may change them.

The URL is ``inproc://NAME/``; drivers with the same name in one process are
on the same broker.
"""

import collections
import itertools
import queue
import threading

import oslo_messaging
from oslo_messaging._drivers import base

# NOTE: hints may be lost; memory is not spent without bound on keeping those
# that nobody listens for.
MOST_PENDING = 1000


class Broker:
    """Who listens where."""

    _all = {}
    _all_lock = threading.Lock()

    @classmethod
    def named(cls, name):
        with cls._all_lock:
            return cls._all.setdefault(name, cls())

    def __init__(self):
        self._lock = threading.Lock()
        self._listeners = collections.defaultdict(list)
        self._pending = {}
        self._turn = itertools.count()

    def listen(self, keys, listener):
        with self._lock:
            for key in keys:
                self._listeners[key].append(listener)
                for message in self._pending.pop(key, ()):
                    listener.put(message)

    def forget(self, listener):
        with self._lock:
            for listeners in self._listeners.values():
                if listener in listeners:
                    listeners.remove(listener)

    def deliver(self, target, message):
        topic = (target.exchange, target.topic)
        with self._lock:
            if target.fanout:
                for listener in self._listeners[topic]:
                    listener.put(message)
                return
            key = topic + (target.server,) if target.server else topic
            listeners = self._listeners[key]
            if listeners:
                listeners[next(self._turn) % len(listeners)].put(message)
            else:
                self._pending.setdefault(key, collections.deque(
                    maxlen=MOST_PENDING)).append(message)


class Message(base.RpcIncomingMessage):

    def __init__(self, ctxt, message, replies, broker, target):
        super().__init__(ctxt, message)
        self._replies = replies
        self._broker = broker
        self._target = target

    def reply(self, reply=None, failure=None):
        if self._replies is not None:
            self._replies.put((reply, failure[1] if failure else None))

    def requeue(self):
        self._broker.deliver(self._target, self)

    def heartbeat(self):
        """Nobody waits for one: a call ends or its time runs out."""


class Listener(base.PollStyleListener):

    def __init__(self, broker):
        super().__init__()
        self._broker = broker
        self._queue = queue.SimpleQueue()
        self._stopped = False
        self.put = self._queue.put

    def poll(self, timeout=None, batch_size=1, batch_timeout=None):
        try:
            # What came before the end is asked for after stop().
            message = self._queue.get(block=not self._stopped,
                                      timeout=timeout)
        except queue.Empty:
            return []
        return [] if message is None else [message]

    def stop(self):
        self._broker.forget(self)
        self._stopped = True
        self._queue.put(None)

    def cleanup(self):
        """Nothing is left to release."""


class InProcessDriver(base.BaseDriver):

    def __init__(self, conf, url, default_exchange=None,
                 allowed_remote_exmods=None):
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        name = url.hosts[0].hostname if url.hosts else None
        self._broker = Broker.named(name or 'pratai')

    def _full(self, target):
        return target(exchange=target.exchange or self._default_exchange)

    def send(self, target, ctxt, message, wait_for_reply=None, timeout=None,
             call_monitor_timeout=None, retry=None, transport_options=None):
        target = self._full(target)
        replies = queue.SimpleQueue() if wait_for_reply else None
        self._broker.deliver(
            target, Message(ctxt, message, replies, self._broker, target))
        if replies is None:
            return None
        try:
            reply, failure = replies.get(timeout=timeout)
        except queue.Empty:
            raise oslo_messaging.MessagingTimeout(
                'No reply on topic %s' % target.topic) from None
        if failure is not None:
            raise failure
        return reply

    def send_notification(self, target, ctxt, message, version, retry=None):
        self.send(target, ctxt, message)

    def listen(self, target, batch_size, batch_timeout):
        target = self._full(target)
        listener = Listener(self._broker)
        topic = (target.exchange, target.topic)
        self._broker.listen([topic, topic + (target.server,)], listener)
        return base.PollStyleListenerAdapter(listener, batch_size,
                                             batch_timeout)

    def listen_for_notifications(self, targets_and_priorities, pool,
                                 batch_size, batch_timeout):
        listener = Listener(self._broker)
        for target, priority in targets_and_priorities:
            target = self._full(target)
            self._broker.listen(
                [(target.exchange, '%s.%s' % (target.topic, priority))],
                listener)
        return base.PollStyleListenerAdapter(listener, batch_size,
                                             batch_timeout)

    def cleanup(self):
        """Other drivers may be on the same broker: it stays."""
