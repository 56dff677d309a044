# SPDX-License-Identifier: Apache-2.0
"""What pip needs to know to reach the operator's package index.

It is ``[builder]index_url`` and its kin or, without them, what pip itself
uses on this node: its configuration files, its variables, the proxies. Of
the service's environment and files nothing else gets into a sandbox.
"""

import ast
import dataclasses
import os
import subprocess
import sys
import urllib.parse

# What of pip's configuration says where packages come from and how they are
# reached. The rest, such as where to install to, is for us to say.
SOURCES = ('index_url', 'extra_index_url', 'find_links', 'no_index')
ACCESS = ('trusted_host', 'cert', 'client_cert', 'proxy', 'timeout',
          'default_timeout', 'retries', 'resume_retries', 'uploaded_prior_to')
SECTIONS = ('global', 'install', 'download', 'wheel', ':env:')
PROXIES = ('http_proxy', 'https_proxy', 'all_proxy', 'no_proxy')
CA_VARIABLES = ('PIP_CERT', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE')
CA_BUNDLES = ('/etc/ssl/certs/ca-certificates.crt',
              '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/ca-bundle.pem',
              '/etc/ssl/cert.pem')


@dataclasses.dataclass
class Access:
    """How a sandbox reaches the index.

    :ivar env: variables for pip and the programs it starts.
    :ivar paths: files and folders of the node to be seen at the same place.
    """

    env: dict = dataclasses.field(default_factory=dict)
    paths: list = dataclasses.field(default_factory=list)


def find(conf, environ=None):
    """:returns: :class:`Access` for builds of this node.

    :param environ: the environment of the service; default os.environ.
    """
    environ = os.environ if environ is None else environ
    options = conf.builder
    settings = of_pip(environ)
    if options.index_url:
        settings = {name: value for name, value in settings.items()
                    if name not in SOURCES}
        settings['index_url'] = options.index_url
    if options.extra_index_urls:
        settings['extra_index_url'] = ' '.join(options.extra_index_urls)
    access = Access()
    for name in SOURCES:
        for word in settings.get(name, '').split():
            path = _local_path(word)
            if path:
                access.paths.append(path)
    for name in PROXIES:
        value = environ.get(name) or environ.get(name.upper())
        if value:
            access.env[name] = value
    if options.proxy:
        settings.pop('proxy', None)
        for name in ('http_proxy', 'https_proxy'):
            access.env[name] = options.proxy
    bundle = _ca_bundle(options.ca_bundle, settings.pop('cert', None),
                        environ)
    if bundle:
        access.paths.append(bundle)
        for name in CA_VARIABLES:
            access.env[name] = bundle
    if settings.get('client_cert'):
        access.paths.append(settings['client_cert'])
    for name, value in settings.items():
        access.env['PIP_' + name.upper()] = value
    access.paths = sorted({path for path in access.paths + options.bind
                           if os.path.exists(path)})
    return access


def of_pip(environ):
    """:returns: {option: value}, what pip would use with an environment."""
    env = {name: value for name, value in environ.items()
           if name != 'PYTHONPATH'}
    result = subprocess.run(
        [sys.executable, '-m', 'pip', 'config', 'list'], env=env, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True)
    found = {section: {} for section in SECTIONS}
    for line in result.stdout.splitlines():
        where, _, value = line.partition('=')
        section, _, name = where.rpartition('.')
        name = name.replace('-', '_')
        if section in found and name in SOURCES + ACCESS:
            try:
                found[section][name] = str(ast.literal_eval(value))
            except (SyntaxError, ValueError):
                continue
    merged = {}
    for section in SECTIONS:
        merged.update(found[section])
    return merged


def _local_path(word):
    """:returns: the folder an index is in, None for one on the network."""
    path = word
    if word.startswith('file:'):
        path = urllib.parse.unquote(urllib.parse.urlsplit(word).path)
    if not path.startswith('/'):
        return None
    path = os.path.normpath(path)
    # The pages of a mirror point beside themselves: ../../packages/...
    if os.path.basename(path) == 'simple' and os.path.dirname(path) != '/':
        path = os.path.dirname(path)
    return path


def _ca_bundle(option, cert, environ):
    candidates = [option, cert]
    candidates += [environ.get(name) for name in CA_VARIABLES]
    candidates += CA_BUNDLES
    return next((os.path.abspath(path) for path in candidates
                 if path and os.path.isfile(path)), None)
