# SPDX-License-Identifier: Apache-2.0
"""Loading of drivers: the one place that asks stevedore."""

from stevedore import driver

RUNTIME = 'pratai.runtime'
BUILDER = 'pratai.builder'
PACKAGE_STORE = 'pratai.package_store'


def load(namespace, name, *args):
    """:returns: a new instance of the driver.

    :raises RuntimeError: when there is no such driver, naming those there
        are; a service does not start without its drivers.
    """
    try:
        return driver.DriverManager(namespace, name, invoke_on_load=True,
                                    invoke_args=args).driver
    except driver.NoMatches as error:
        from stevedore import extension
        known = sorted(extension.ExtensionManager(namespace).names())
        raise RuntimeError('There is no driver "%s" in %s; there are: %s'
                           % (name, namespace, ', '.join(known))) from error
