# SPDX-License-Identifier: Apache-2.0
"""What goes in and out, a module a resource.

The same schemas check what callers send, choose what they get, and are
published as /v1/openapi.json. Those that depend on limits are functions of
the configuration.
"""
