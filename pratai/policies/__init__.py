# SPDX-License-Identifier: Apache-2.0
"""The default policy, a module a resource."""

from pratai.policies import base
from pratai.policies import events
from pratai.policies import functions
from pratai.policies import requests
from pratai.policies import runtimes
from pratai.policies import services
from pratai.policies import status


def list_rules():
    """Entry point of oslo.policy.policies."""
    return [rule for module in (base, functions, requests, runtimes, events,
                                services, status)
            for rule in module.list_rules()]
