# SPDX-License-Identifier: Apache-2.0
"""The plugin that gives the ``openstack`` command its ``function`` commands.

python-openstackclient finds it through the entry point
``openstack.cli.extension``, and reads the names below.
"""

from osc_lib import utils

DEFAULT_API_VERSION = '1'
API_VERSION_OPTION = 'os_function_api_version'
API_NAME = 'function'
API_VERSIONS = ('1', '1.0')


def build_option_parser(parser):
    """Add the global options of Pratai to those of ``openstack``."""
    parser.add_argument(
        '--os-function-api-version', metavar='<function-api-version>',
        default=utils.env('OS_FUNCTION_API_VERSION'),
        help='Function API version, default=%s '
             '(Env: OS_FUNCTION_API_VERSION)' % DEFAULT_API_VERSION)
    parser.add_argument(
        '--os-pratai-url', metavar='<pratai-url>',
        default=utils.env('OS_PRATAI_URL'),
        help='URL of the Function API, instead of the one in the service '
             'catalog (Env: OS_PRATAI_URL)')
    return parser


def make_client(instance):
    """The library's client, over the session that ``openstack`` made.

    :param instance: the ClientManager of python-openstackclient
    :returns: prataiclient.client.Client
    """
    # NOTE: imported late, as every run of openstack imports this module.
    from prataiclient import client
    config = instance.get_configuration()
    if config.get('auth_type') == 'none':
        return _without_keystone(instance, config)
    return client.Client(
        session=instance.session, endpoint=_url(config),
        region_name=instance.region_name, interface=instance.interface)


def _url(config):
    # The second is the name that clouds.yaml has for it.
    return (config.get('pratai_url')
            or config.get('function_endpoint_override'))


def _without_keystone(instance, config):
    """For ``--os-auth-type none``: the caller is an admin."""
    from keystoneauth1 import token_endpoint

    from prataiclient import client
    from prataiclient import connect
    auth = config.get('auth') or {}
    url = auth.get('endpoint') or _url(config) or connect.DEFAULT_URL
    # NOTE: the plugin of that auth type would send the token "notused".
    return client.Client(
        session=instance.session, endpoint=url,
        auth=token_endpoint.Token(url, connect.ADMIN_TOKEN))
