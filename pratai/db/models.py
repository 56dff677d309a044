# SPDX-License-Identifier: Apache-2.0
"""The tables.

What is listed often and what is large are kept apart: a row of ``requests``
is small, its payload, response and logs are rows of tables of their own.

Ids are 32 hexadecimal digits. Those of requests grow with time, so that
"newest first" is the order of the primary key and an index that ends in it
serves every list without sorting.
"""

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import mysql

ID = sa.String(32)
PROJECT_ID = sa.String(64)
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), 'mysql', 'mariadb')
TEXT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
# NOTE: what users type is compared byte for byte on every engine; MariaDB's
# default collation would find "Echo" when asked for "echo".
NAME = sa.String(255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')


class Base(orm.DeclarativeBase):
    __table_args__ = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


class Runtime(Base):
    __tablename__ = 'runtimes'

    id = sa.Column(ID, primary_key=True)
    name = sa.Column(NAME, nullable=False, unique=True)
    language = sa.Column(sa.String(32), nullable=False)
    version = sa.Column(sa.String(32), nullable=False)
    description = sa.Column(sa.Text, nullable=False)
    disabled = sa.Column(sa.Boolean, nullable=False, default=False)
    created_at = sa.Column(TIME, nullable=False)


class Package(Base):
    """What a tenant uploaded: the zip is in the package store, the two files
    of it that count are here, because every build needs them."""

    __tablename__ = 'packages'

    id = sa.Column(ID, primary_key=True)
    project_id = sa.Column(PROJECT_ID, nullable=False)
    location = sa.Column(sa.String(1024), nullable=False)
    sha256 = sa.Column(sa.String(64), nullable=False)
    size = sa.Column(sa.Integer, nullable=False)
    module = sa.Column(TEXT, nullable=False)
    requirements = sa.Column(TEXT, nullable=False)
    created_at = sa.Column(TIME, nullable=False)


class Function(Base):
    __tablename__ = 'functions'
    __table_args__ = (sa.UniqueConstraint('project_id', 'name'),
                      Base.__table_args__)

    id = sa.Column(ID, primary_key=True)
    project_id = sa.Column(PROJECT_ID, nullable=False)
    user_id = sa.Column(sa.String(64), nullable=False)
    name = sa.Column(NAME, nullable=False)
    description = sa.Column(sa.Text, nullable=False)
    type = sa.Column(sa.String(16), nullable=False)
    event = sa.Column(sa.String(32), nullable=False)
    public = sa.Column(sa.Boolean, nullable=False)
    webhook_token = sa.Column(sa.String(64), nullable=False)
    status = sa.Column(sa.String(16), nullable=False)
    status_code = sa.Column(sa.String(64))
    status_detail = sa.Column(sa.Text)
    # NOTE: no foreign key: it would be circular with versions.function_id.
    version_id = sa.Column(ID, nullable=False)
    created_at = sa.Column(TIME, nullable=False)
    updated_at = sa.Column(TIME, nullable=False)


class Version(Base):
    """Immutable: code and settings, and the image once it is built."""

    __tablename__ = 'versions'

    id = sa.Column(ID, primary_key=True)
    function_id = sa.Column(ID, sa.ForeignKey('functions.id'),
                            nullable=False, index=True)
    package_id = sa.Column(ID, sa.ForeignKey('packages.id'), nullable=False)
    number = sa.Column(sa.Integer, nullable=False)
    runtime = sa.Column(NAME, nullable=False)
    memory = sa.Column(sa.Integer, nullable=False)
    cpus = sa.Column(sa.Integer, nullable=False)
    timeout = sa.Column(sa.Integer, nullable=False)
    isolation = sa.Column(sa.String(16), nullable=False)
    network = sa.Column(sa.Boolean, nullable=False)
    concurrency = sa.Column(sa.Integer, nullable=False)
    image = sa.Column(sa.JSON)
    created_at = sa.Column(TIME, nullable=False)


class Build(Base):
    __tablename__ = 'builds'
    __table_args__ = (sa.Index('builds_status', 'status'),
                      Base.__table_args__)

    id = sa.Column(ID, primary_key=True)
    function_id = sa.Column(ID, sa.ForeignKey('functions.id'),
                            nullable=False, index=True)
    version_id = sa.Column(ID, sa.ForeignKey('versions.id'), nullable=False)
    status = sa.Column(sa.String(16), nullable=False)
    attempt = sa.Column(sa.Integer, nullable=False, default=0)
    executor_id = sa.Column(ID)
    lease_until = sa.Column(TIME)
    code = sa.Column(sa.String(64))
    detail = sa.Column(sa.Text)
    log = sa.Column(TEXT, nullable=False, default='')
    created_at = sa.Column(TIME, nullable=False)
    started_at = sa.Column(TIME)
    finished_at = sa.Column(TIME)


class Request(Base):
    """One accepted event.

    No foreign keys: the history outlives the function.
    """

    __tablename__ = 'requests'
    __table_args__ = (
        sa.Index('requests_project', 'project_id', 'id'),
        sa.Index('requests_function', 'function_id', 'id'),
        # Serves the dispatcher (queued, a function at a time, oldest first),
        # the sweep (running) and the status "active" of functions.
        sa.Index('requests_status', 'status', 'function_id', 'id'),
        Base.__table_args__)

    id = sa.Column(ID, primary_key=True)
    project_id = sa.Column(PROJECT_ID, nullable=False)
    function_id = sa.Column(ID, nullable=False)
    version_id = sa.Column(ID, nullable=False)
    type = sa.Column(sa.String(16), nullable=False)
    event = sa.Column(sa.String(32), nullable=False)
    status = sa.Column(sa.String(16), nullable=False)
    attempt = sa.Column(sa.Integer, nullable=False, default=0)
    # NOTE: attempt only ever grows, it is the fence; failures counts those
    # that the platform lost, and is what max_attempts bounds.
    failures = sa.Column(sa.Integer, nullable=False, default=0)
    max_attempts = sa.Column(sa.Integer, nullable=False)
    executor_id = sa.Column(ID)
    executor = sa.Column(sa.String(255))
    lease_until = sa.Column(TIME)
    start = sa.Column(sa.String(8))
    code = sa.Column(sa.String(64))
    detail = sa.Column(sa.Text)
    duration = sa.Column(sa.Float)
    created_at = sa.Column(TIME, nullable=False)
    started_at = sa.Column(TIME)
    finished_at = sa.Column(TIME)


class RequestPayload(Base):
    __tablename__ = 'request_payloads'

    id = sa.Column(ID, primary_key=True)
    payload = sa.Column(BLOB, nullable=False)


class RequestResult(Base):
    """The primary key is a second fence: a result is there once or not."""

    __tablename__ = 'request_results'

    id = sa.Column(ID, primary_key=True)
    response = sa.Column(BLOB)
    logs = sa.Column(BLOB, nullable=False)
    truncated = sa.Column(sa.Boolean, nullable=False)


class Service(Base):
    """One living process; the row of a host and binary is taken over by the
    next process there."""

    __tablename__ = 'services'
    __table_args__ = (sa.UniqueConstraint('host', 'binary'),
                      Base.__table_args__)

    id = sa.Column(ID, primary_key=True)
    binary = sa.Column(sa.String(64), nullable=False)
    host = sa.Column(sa.String(255), nullable=False)
    # Changes with every start: it tells a process from its predecessor.
    incarnation = sa.Column(ID, nullable=False)
    # What operators want of it: enabled, disabled or draining.
    state = sa.Column(sa.String(16), nullable=False, default='enabled')
    state_reason = sa.Column(sa.Text)
    started_at = sa.Column(TIME, nullable=False)
    updated_at = sa.Column(TIME, nullable=False)
    # What the process says of itself; shown.
    details = sa.Column(sa.JSON, nullable=False)
    # What conductors need of an executor, its data port's key among it.
    private = sa.Column(sa.JSON, nullable=False)
