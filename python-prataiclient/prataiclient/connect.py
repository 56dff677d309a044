# SPDX-License-Identifier: Apache-2.0
"""From OS_* environment variables and clouds.yaml to a client.

What is given goes before the environment, and that before the file. Only the
credentials are those of one of them as a whole: a cloud that is named brings
its own.

The version document of the API says whether it wants Keystone tokens. Where
it does not, Keystone is left alone, even if OS_AUTH_URL is set.
"""

import os
import re
import urllib.parse

from keystoneauth1 import exceptions as ksa_exceptions
from keystoneauth1 import session as ksa_session
from keystoneauth1 import token_endpoint

import prataiclient
from prataiclient import client as pratai_client
from prataiclient import exceptions
from prataiclient import http

#: What stands for a token where there is no Keystone: user:project.
ADMIN_TOKEN = 'admin:admin'
DEFAULT_URL = 'http://localhost:9998'

#: setting -> the environment variables that set it, the first one wins
ENVIRONMENT = {
    'pratai_url': ('OS_PRATAI_URL',),
    'auth_url': ('OS_AUTH_URL',),
    'auth_type': ('OS_AUTH_TYPE',),
    'identity_api_version': ('OS_IDENTITY_API_VERSION',),
    'token': ('OS_TOKEN',),
    'username': ('OS_USERNAME',),
    'user_id': ('OS_USER_ID',),
    'password': ('OS_PASSWORD',),
    'user_domain_name': ('OS_USER_DOMAIN_NAME',),
    'user_domain_id': ('OS_USER_DOMAIN_ID',),
    'project_name': ('OS_PROJECT_NAME', 'OS_TENANT_NAME'),
    'project_id': ('OS_PROJECT_ID', 'OS_TENANT_ID'),
    'project_domain_name': ('OS_PROJECT_DOMAIN_NAME',),
    'project_domain_id': ('OS_PROJECT_DOMAIN_ID',),
    'region_name': ('OS_REGION_NAME',),
    'interface': ('OS_INTERFACE', 'OS_ENDPOINT_TYPE'),
    'cacert': ('OS_CACERT',),
    'insecure': ('OS_INSECURE',),
    'cloud': ('OS_CLOUD',),
}


def settings(given=None, environ=None):
    """Merge what was given with the environment.

    :param given: dict with keys of :data:`ENVIRONMENT`; None counts as not
        given
    :param environ: by default os.environ
    :returns: dict with all keys of :data:`ENVIRONMENT`, None where not set
    """
    environ = os.environ if environ is None else environ
    found = {}
    for key, variables in ENVIRONMENT.items():
        values = [(given or {}).get(key)]
        values += [environ.get(variable) for variable in variables]
        found[key] = next((value for value in values if value), None)
    found['insecure'] = str(found['insecure']).lower() in ('1', 'true', 'yes')
    return found


def client(given=None, environ=None):
    """A client for the API that the environment speaks of.

    :param given: settings that go before the environment, see
        :func:`settings`
    :returns: prataiclient.client.Client
    :raises: InvalidInput where a setting makes no sense or is missing,
        ConnectionFailed
    """
    wanted = settings(given, environ)
    session, auth = _session(wanted), None
    if wanted['cloud']:
        session, auth = _cloud(wanted)
    url = _check_url(wanted['pratai_url'], 'OS_PRATAI_URL')
    auth_url = _check_url(wanted['auth_url'], 'OS_AUTH_URL')
    keystone = (wanted['cloud'] or auth_url or wanted['token']
                or wanted['auth_type'])
    if wanted['auth_type'] == 'none':
        keystone = None
    if not url and not (keystone and (wanted['cloud'] or auth_url)):
        url = DEFAULT_URL
    if keystone and url and _needs_no_token(session, url):
        keystone = None
    if not keystone:
        token = _name_token(wanted)
        if token:
            session.auth = token_endpoint.Token(url, token)
    elif auth:
        session.auth = auth
    elif wanted['token'] and url:
        session.auth = token_endpoint.Token(url, wanted['token'])
    else:
        session.auth = _keystone(
            wanted, os.environ if environ is None else environ)
    return pratai_client.Client(
        session=session, endpoint=url, region_name=wanted['region_name'],
        interface=wanted['interface'] or 'public')


def _check_url(url, name):
    if not url:
        return None
    try:
        parts = urllib.parse.urlsplit(url)
        # port raises where it is not a number
        good = (parts.scheme in ('http', 'https') and parts.hostname
                and parts.port != 0)
    except ValueError:
        good = False
    if not good:
        raise exceptions.InvalidInput(
            "%s must be a URL such as http://localhost:9998, and not '%s'"
            % (name, url))
    return url


def _session(wanted):
    verify = False if wanted['insecure'] else wanted['cacert'] or True
    if isinstance(verify, str) and not os.path.exists(verify):
        raise exceptions.InvalidInput(
            'There is no file %s (OS_CACERT)' % verify)
    if wanted['insecure']:
        import urllib3
        urllib3.disable_warnings()
    return ksa_session.Session(
        verify=verify, app_name='pratai',
        app_version=prataiclient.__version__)


def _needs_no_token(session, url):
    """Whether the API at this URL says that it works without Keystone."""
    plain = http.HTTP(session, url)
    # NOTE: 300 is what other services answer with a version document.
    response = plain.send('GET', plain.root + '/')
    if response.status_code >= 400:
        raise exceptions.from_response(response)
    return http.read_json(response).get('auth') == 'none'


def _name_token(wanted):
    """Who the caller says to be, to an API that believes it."""
    if wanted['token'] and ':' in wanted['token']:
        return wanted['token']
    user = wanted['username']
    project = wanted['project_name'] or wanted['project_id']
    if not user and not project:
        return None
    token = '%s:%s' % (user or 'admin', project or 'admin')
    # Headers are latin-1 on their way; so these are the bytes of the UTF-8.
    return token.encode().decode('latin-1')


def _keystone(wanted, environ):
    """The auth plugin for what is set.

    :raises: InvalidInput where something is missing
    """
    version = wanted['identity_api_version'] or '3'
    if version.startswith('2'):
        raise exceptions.InvalidInput(
            'Pratai needs version 3 of the Identity API '
            '(OS_IDENTITY_API_VERSION)')
    if not wanted['auth_url']:
        raise exceptions.InvalidInput('OS_AUTH_URL is not set')
    # NOTE: known rather than discovered. It saves a round trip, and the
    # generic plugins of keystoneauth hang for ever on a server that wants a
    # token before it tells its versions.
    wanted['auth_url'] = re.sub(
        r'(/v[23][.\d]*)?/*$', '/v3', wanted['auth_url'], count=1)
    if wanted['auth_type'] not in (None, 'password', 'token'):
        return _plugin(wanted['auth_type'], environ, wanted)
    scope = {key: wanted[key] for key in (
        'project_name', 'project_id', 'project_domain_name',
        'project_domain_id')}
    if not scope['project_name'] and not scope['project_id']:
        raise exceptions.InvalidInput('OS_PROJECT_NAME is not set')
    if not scope['project_domain_name'] and not scope['project_domain_id']:
        scope['project_domain_id'] = 'default'
    # NOTE: imported late, as it is not needed without Keystone.
    from keystoneauth1.identity import v3
    if wanted['token']:
        return v3.Token(wanted['auth_url'], wanted['token'], **scope)
    if not wanted['username'] and not wanted['user_id']:
        raise exceptions.InvalidInput('OS_USERNAME is not set')
    if not wanted['password']:
        raise exceptions.InvalidInput('OS_PASSWORD is not set')
    user = {key: wanted[key] for key in (
        'username', 'user_id', 'password', 'user_domain_name',
        'user_domain_id')}
    if not user['user_domain_name'] and not user['user_domain_id']:
        user['user_domain_id'] = 'default'
    return v3.Password(wanted['auth_url'], **user, **scope)


def _plugin(name, environ, wanted):
    """Any other auth plugin of keystoneauth, such as v3applicationcredential.

    Its options are read from OS_<NAME OF THE OPTION>.
    """
    from keystoneauth1 import loading
    values = {}
    try:
        loader = loading.get_plugin_loader(name)
        for option in loader.get_options():
            for known in [option] + list(option.deprecated):
                value = wanted.get(known.dest) or environ.get(
                    'OS_' + known.dest.upper())
                if value:
                    values.setdefault(option.dest, value)
        return loader.load_from_options(**values)
    except ksa_exceptions.ClientException as exc:
        raise exceptions.InvalidInput('%s (OS_AUTH_TYPE)' % exc)


def _cloud(wanted):
    """Open a cloud of clouds.yaml, and take from it what nothing else says.

    :param wanted: what was given; gets the URL, region, interface and kind
        of authentication of the cloud
    :returns: (session that does not authenticate yet, the auth plugin)
    """
    try:
        from openstack import config
        from openstack import exceptions as sdk_exceptions
    except ImportError:
        raise exceptions.InvalidInput(
            'OS_CLOUD needs the package openstacksdk: '
            'pip install openstacksdk')
    name = wanted['cloud']
    given = {'cacert': wanted['cacert']}
    if wanted['insecure']:
        given = {'verify': False, 'cacert': ''}
    try:
        clouds = config.OpenStackConfig()
        # Regions may have settings of their own. Where none are listed, any
        # that the service catalog has will do.
        if clouds.cloud_config['clouds'].get(name, {}).get('regions'):
            given['region_name'] = wanted['region_name']
        cloud = clouds.get_one(cloud=name, **given)
        session = cloud.get_session()
        found = {'pratai_url': cloud.get_endpoint(http.SERVICE_TYPE),
                 'region_name': cloud.get_region_name(http.SERVICE_TYPE),
                 'interface': cloud.get_interface(http.SERVICE_TYPE),
                 'auth_type': cloud.config['auth_type']}
    except (sdk_exceptions.SDKException,
            ksa_exceptions.ClientException) as exc:
        raise exceptions.InvalidInput('%s (OS_CLOUD)' % exc)
    _check_url(found['pratai_url'], 'function_endpoint_override')
    for key, value in found.items():
        wanted[key] = wanted[key] or value
    auth, session.auth = session.auth, None
    return session, auth
