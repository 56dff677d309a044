# SPDX-License-Identifier: Apache-2.0
"""The first schema.

Revises: nothing
"""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = '0001'
down_revision = None

# NOTE: written out and not taken from the models, which go on changing.
TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
BLOB = sa.LargeBinary().with_variant(mysql.LONGBLOB(), 'mysql', 'mariadb')
TEXT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
NAME = sa.String(255).with_variant(
    mysql.VARCHAR(255, collation='utf8mb4_bin'), 'mysql', 'mariadb')
MYSQL = {'mysql_engine': 'InnoDB', 'mysql_charset': 'utf8mb4'}


def upgrade():
    op.create_table('functions',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('user_id', sa.String(64), nullable=False),
        sa.Column('name', NAME, nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('type', sa.String(16), nullable=False),
        sa.Column('event', sa.String(32), nullable=False),
        sa.Column('public', sa.Boolean(), nullable=False),
        sa.Column('webhook_token', sa.String(64), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('status_code', sa.String(64)),
        sa.Column('status_detail', sa.Text()),
        sa.Column('version_id', sa.String(32), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('project_id', 'name'),
        **MYSQL)
    op.create_table('packages',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('location', sa.String(1024), nullable=False),
        sa.Column('sha256', sa.String(64), nullable=False),
        sa.Column('size', sa.Integer(), nullable=False),
        sa.Column('module', TEXT, nullable=False),
        sa.Column('requirements', TEXT, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_table('request_payloads',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('payload', BLOB, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_table('request_results',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('response', BLOB),
        sa.Column('logs', BLOB, nullable=False),
        sa.Column('truncated', sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_table('requests',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('project_id', sa.String(64), nullable=False),
        sa.Column('function_id', sa.String(32), nullable=False),
        sa.Column('version_id', sa.String(32), nullable=False),
        sa.Column('type', sa.String(16), nullable=False),
        sa.Column('event', sa.String(32), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('failures', sa.Integer(), nullable=False),
        sa.Column('max_attempts', sa.Integer(), nullable=False),
        sa.Column('executor_id', sa.String(32)),
        sa.Column('executor', sa.String(255)),
        sa.Column('lease_until', TIME),
        sa.Column('start', sa.String(8)),
        sa.Column('code', sa.String(64)),
        sa.Column('detail', sa.Text()),
        sa.Column('duration', sa.Float()),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME),
        sa.Column('finished_at', TIME),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_index('requests_function', 'requests', ['function_id', 'id'])
    op.create_index('requests_project', 'requests', ['project_id', 'id'])
    op.create_index('requests_status', 'requests',
                    ['status', 'function_id', 'id'])
    op.create_table('runtimes',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('name', NAME, nullable=False),
        sa.Column('language', sa.String(32), nullable=False),
        sa.Column('version', sa.String(32), nullable=False),
        sa.Column('description', sa.Text(), nullable=False),
        sa.Column('disabled', sa.Boolean(), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('name'),
        **MYSQL)
    op.create_table('services',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('binary', sa.String(64), nullable=False),
        sa.Column('host', sa.String(255), nullable=False),
        sa.Column('incarnation', sa.String(32), nullable=False),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('state_reason', sa.Text()),
        sa.Column('started_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.Column('details', sa.JSON(), nullable=False),
        sa.Column('private', sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint('id'),
        sa.UniqueConstraint('host', 'binary'),
        **MYSQL)
    op.create_table('versions',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('function_id', sa.String(32), nullable=False),
        sa.Column('package_id', sa.String(32), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('runtime', NAME, nullable=False),
        sa.Column('memory', sa.Integer(), nullable=False),
        sa.Column('cpus', sa.Integer(), nullable=False),
        sa.Column('timeout', sa.Integer(), nullable=False),
        sa.Column('isolation', sa.String(16), nullable=False),
        sa.Column('network', sa.Boolean(), nullable=False),
        sa.Column('concurrency', sa.Integer(), nullable=False),
        sa.Column('image', sa.JSON()),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['function_id'], ['functions.id'], ),
        sa.ForeignKeyConstraint(['package_id'], ['packages.id'], ),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_index('ix_versions_function_id', 'versions', ['function_id'])
    op.create_table('builds',
        sa.Column('id', sa.String(32), nullable=False),
        sa.Column('function_id', sa.String(32), nullable=False),
        sa.Column('version_id', sa.String(32), nullable=False),
        sa.Column('status', sa.String(16), nullable=False),
        sa.Column('attempt', sa.Integer(), nullable=False),
        sa.Column('executor_id', sa.String(32)),
        sa.Column('lease_until', TIME),
        sa.Column('code', sa.String(64)),
        sa.Column('detail', sa.Text()),
        sa.Column('log', TEXT, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('started_at', TIME),
        sa.Column('finished_at', TIME),
        sa.ForeignKeyConstraint(['function_id'], ['functions.id'], ),
        sa.ForeignKeyConstraint(['version_id'], ['versions.id'], ),
        sa.PrimaryKeyConstraint('id'),
        **MYSQL)
    op.create_index('builds_status', 'builds', ['status'])
    op.create_index('ix_builds_function_id', 'builds', ['function_id'])
