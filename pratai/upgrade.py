# SPDX-License-Identifier: Apache-2.0
"""What pratai-status looks at: may this installation run this release?

A failure is what keeps services from working, or lets in who should stay
out. A warning is what an operator wants to know before going on.
"""

import glob
import importlib
import ipaddress
import os
import socket

from oslo_config import cfg
from oslo_db import exception as db_exception
from oslo_policy import policy as oslo_policy
from oslo_upgradecheck import common_checks
from oslo_upgradecheck import upgradecheck
from sqlalchemy import exc as sa_exc
from stevedore import driver
from stevedore import named

from pratai import drivers
from pratai import exception
from pratai import policies
from pratai import rpc
from pratai import version
from pratai.db import api as db_api
from pratai.db import migration

SUCCESS = upgradecheck.Code.SUCCESS
WARNING = upgradecheck.Code.WARNING
FAILURE = upgradecheck.Code.FAILURE

#: Whose options may be in our files.
NAMESPACES = (
    'pratai', 'keystonemiddleware.auth_token', 'oslo.db', 'oslo.log',
    'oslo.messaging', 'oslo.middleware', 'oslo.policy', 'oslo.service.service')
#: Groups with options that depend on the plugin that is chosen in them.
OPEN_GROUPS = ('keystone_authtoken',)


def _result(failures=(), warnings=()):
    """:returns: the worst of what was found, each finding a sentence."""
    found = [*failures, *warnings]
    code = FAILURE if failures else WARNING if warnings else SUCCESS
    return upgradecheck.Result(code, ' '.join(found) or None)


class Checks(upgradecheck.UpgradeCommands):
    """:param conf: parsed by :func:`oslo_upgradecheck.upgradecheck.main`
        before the first check."""

    def __init__(self, conf):
        self._conf = conf
        self._database = None

    def _db(self):
        if self._database is None:
            # NOTE: somebody waits for the answer: no tries again.
            self._conf.set_override('max_retries', 0, group='database')
            self._database = db_api.Database(self._conf)
        return self._database

    def _check_schema(self):
        try:
            name = self._db().url.database
            if self._db().is_sqlite and not os.path.exists(name or ''):
                return _result(['There is no file %s: run pratai-manage db '
                                'sync.' % name])
            found = migration.version(self._db().engine())
        except exception.Invalid as error:
            return _result([error.detail])
        except Exception as error:
            return _result(['The database does not answer: %s'
                            % str(error).splitlines()[0]])
        if found == migration.head():
            return _result()
        if found is not None and not migration.known(found):
            return _result([
                'The database is at %s, which this release does not know: a '
                'later one was here. Downgrading is not supported.' % found])
        return _result(['The database is at %s, this release wants %s: run '
                        'pratai-manage db sync.' % (found or 'nothing',
                                                    migration.head())])

    def _check_policy_format(self):
        return common_checks.check_policy_json(self, self._conf)

    def _check_policy_rules(self):
        enforcer = oslo_policy.Enforcer(self._conf)
        enforcer.register_defaults(policies.list_rules())
        try:
            enforcer.load_rules()
        except Exception as error:
            return _result(['The policy file cannot be read: %s' % error])
        unknown = sorted(set(enforcer.file_rules)
                         - set(enforcer.registered_rules))
        if unknown:
            return _result(warnings=[
                'These rules of the policy file are not rules of Pratai: %s.'
                % ', '.join(unknown)])
        return _result()

    def _check_services(self):
        rows = self._ask(lambda db: db.service_list())
        if rows is None:
            return _result(warnings=['The services cannot be listed.'])
        warnings = []
        ours = version.version_string()
        others = ['%s on %s is of %s' % (
            row['binary'], row['host'], row['details'].get('version'))
            for row in rows if row['status'] == 'up'
            and row['details'].get('version', ours) != ours]
        if others:
            warnings.append('Not of this release (%s): %s.'
                            % (ours, ', '.join(others)))
        down = ['%s on %s' % (row['binary'], row['host'])
                for row in rows if row['status'] == 'down']
        if down:
            warnings.append('Not heard of lately: %s.' % ', '.join(down))
        for url, hosts in self._ask(lambda db: db.data_urls_shared()) or ():
            warnings.append(
                'Several executors have the data port %s: %s. Each needs '
                '[executor] data_host of its own.' % (url, ', '.join(hosts)))
        return _result(warnings=warnings)

    def _check_runtimes(self):
        missing = self._ask(lambda db: db.runtimes_missing())
        if missing is None:
            return _result(warnings=['The runtimes cannot be listed.'])
        return _result(warnings=[
            '%d functions need the runtime %s, which is %s.'
            % (count, name, why) for name, why, count in missing])

    def _check_drivers(self):
        failures = []
        for kind, name in (
                (drivers.RUNTIME, self._conf.executor.runtime_driver),
                (drivers.BUILDER, self._conf.builder.driver),
                (drivers.PACKAGE_STORE, self._conf.package_store.driver)):
            try:
                driver.DriverManager(kind, name)
            except Exception as error:
                failures.append('The driver "%s" of %s cannot be '
                                'loaded: %s' % (name, kind, error))
        return _result(failures)

    def _check_options(self):
        known, deprecated = _options()
        warnings = []
        for path in self._conf.config_file + _files(self._conf.config_dir):
            sections = {}
            cfg.ConfigParser(path, sections).parse()
            for group, options in sections.items():
                for name in options:
                    key = (group, name.replace('-', '_'))
                    if key in deprecated:
                        warnings.append('%s: [%s] %s is deprecated.'
                                        % (path, group, name))
                    elif key not in known and group not in OPEN_GROUPS:
                        warnings.append('%s: there is no option [%s] %s.'
                                        % (path, group, name))
        return _result(warnings=warnings)

    def _check_access(self):
        """Who gets in."""
        conf = self._conf
        failures, warnings = [], []
        if conf.api.auth_strategy == 'noauth':
            for group, option in (('api', 'host'), ('executor', 'data_host')):
                if not _is_loopback(conf[group][option]):
                    failures.append(
                        'Without Keystone (auth_strategy = noauth), [%s] %s '
                        'has to be a loopback address.' % (group, option))
        for option, what in (
                ('trusted_networks', 'may run every private function'),
                ('trusted_proxies', 'may claim to be anybody')):
            for network in conf.webhook[option]:
                if ipaddress.ip_network(network, strict=False).prefixlen == 0:
                    failures.append('[webhook] %s has %s: all the world %s.'
                                    % (option, network, what))
        if conf.process.isolation == 'none' and (
                conf.executor.runtime_driver == 'process'):
            warnings.append('[process] isolation = none: functions reach '
                            'each other and what the executor may read.')
        return _result(failures, warnings)

    def _check_secrets(self):
        conf = self._conf
        if conf.api.auth_strategy == 'noauth':
            return _result()  # the embedded form: one process, no secrets
        failures, warnings = [], []
        try:
            _keystone(conf)
        except Exception as error:
            failures.append('[keystone_authtoken] cannot be used: %s.'
                            % str(error).rstrip('.'))
        try:
            addresses = rpc.addresses(conf)
        except exception.Invalid as error:
            addresses = []
            failures.append(error.detail)
        for host, _, user in addresses:
            if user in (None, 'guest') and not _is_loopback(host):
                warnings.append('The broker on %s is used as "guest": make '
                                'a user for Pratai.' % host)
        if conf.database.connection.startswith('sqlite'):
            warnings.append('The database is SQLite, which is for one '
                            'machine and one process.')
        elif not self._ask(lambda db: db.url.password):
            warnings.append('The user of the database has no password.')
        if '//localhost' in conf.webhook.public_url:
            warnings.append('[webhook] public_url is %s: so say the '
                            'endpoints of functions to everybody.'
                            % conf.webhook.public_url)
        return _result(failures, warnings)

    def _ask(self, question):
        """:returns: the answer; None when the database has none, because it
            is away or has no such table: :meth:`_check_schema` says so."""
        try:
            return question(self._db())
        except (exception.PrataiError, db_exception.DBError,
                sa_exc.SQLAlchemyError, ImportError):
            return None

    _upgrade_checks = (
        ('Database schema', _check_schema),
        ('Policy file format', _check_policy_format),
        ('Policy rules', _check_policy_rules),
        ('Options', _check_options),
        ('Access', _check_access),
        ('Secrets', _check_secrets),
        ('Drivers', _check_drivers),
        ('Services', _check_services),
        ('Runtimes', _check_runtimes),
    )


def _files(directories):
    """:returns: the files that oslo.config reads of these directories."""
    return sorted(path for directory in directories or ()
                  for path in glob.glob(os.path.join(directory, '*.conf')))


def _options():
    """:returns: (known, deprecated), sets of (group, name)."""
    known, deprecated = set(), set()
    for loader in named.NamedExtensionManager('oslo.config.opts', NAMESPACES):
        for group, options in loader.plugin():
            group = getattr(group, 'name', group) or 'DEFAULT'
            for option in options:
                known.add((group, option.dest))
                if option.deprecated_for_removal:
                    deprecated.add((group, option.dest))
                deprecated.update(
                    (old.group or group, (old.name or option.name).replace(
                        '-', '_')) for old in option.deprecated_opts)
    return known, deprecated


def _keystone(conf):
    """Load what tokens are checked with, as the API does.

    :raises Exception: there is something missing.
    """
    from keystoneauth1 import loading
    from keystonemiddleware import auth_token  # noqa: F401
    for loader in named.NamedExtensionManager(
            'oslo.config.opts', ['keystonemiddleware.auth_token']):
        for group, options in loader.plugin():
            conf.register_opts(options, group=group)
    if conf.keystone_authtoken.memcached_servers:
        importlib.import_module('memcache')
    loading.register_auth_conf_options(conf, 'keystone_authtoken')
    if loading.load_auth_from_conf_options(
            conf, 'keystone_authtoken') is None:
        raise ValueError('there is no auth_type')


def _is_loopback(host):
    """:returns: whether nobody but this machine reaches a host so named."""
    try:
        return all(ipaddress.ip_address(item[4][0].split('%')[0]).is_loopback
                   for item in socket.getaddrinfo(host, None))
    except OSError:
        return False
