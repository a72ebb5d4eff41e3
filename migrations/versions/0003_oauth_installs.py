"""Installs by OAuth"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('oauth_flows',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(length=32), nullable=False),
    sa.Column('state_hash', sa.String(length=64), nullable=False),
    sa.Column('provider_key', sa.String(length=40), nullable=False),
    sa.Column('auth_method', sa.String(length=40), nullable=False),
    sa.Column('phase', sa.String(length=10), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=True),
    sa.Column('user_id', sa.Integer(), nullable=False),
    sa.Column('session_id', sa.Integer(), nullable=False),
    sa.Column('description', sa.String(length=200), nullable=False),
    sa.Column('redirect_uri', sa.String(length=500), nullable=False),
    sa.Column('settings', sa.JSON(), nullable=False),
    sa.Column('credentials', sa.JSON(), nullable=False),
    sa.Column('origin', sa.String(length=300), nullable=False),
    sa.Column('sites', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_oauth_flows_connection_id_connections'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['session_id'], ['sessions.id'], name=op.f('fk_oauth_flows_session_id_sessions'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_oauth_flows_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_flows')),
    sa.UniqueConstraint('state_hash', name=op.f('uq_oauth_flows_state_hash')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_oauth_flows_connection_id', 'oauth_flows', ['connection_id'])
    op.create_index('ix_oauth_flows_user_id', 'oauth_flows', ['user_id'])
    op.create_index('ix_oauth_flows_session_id', 'oauth_flows', ['session_id'])
    op.create_index('ix_oauth_flows_expires_at', 'oauth_flows', ['expires_at'])


def downgrade() -> None:
    """Take back."""
    op.drop_table('oauth_flows')
