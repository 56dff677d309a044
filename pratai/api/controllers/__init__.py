# SPDX-License-Identifier: Apache-2.0
"""What answers a call, a module a resource."""
