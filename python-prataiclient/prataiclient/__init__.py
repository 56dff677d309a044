# SPDX-License-Identifier: Apache-2.0
"""Client of Pratai, functions as a service for OpenStack."""

__version__ = '0.1.0'
