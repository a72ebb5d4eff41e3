"""Background work, notices, webhooks, comments"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

def _columns() -> dict[str, tuple[sa.Column[object], ...]]:
    """New columns by table.

    Added in place: on SQLite a table made anew would lose what its search tables and expressions rest on.
    """
    return {
        'connections': (
            sa.Column('broken_since', sa.DateTime(timezone=True), nullable=True),
            sa.Column('rests_until', sa.DateTime(timezone=True), nullable=True),
            sa.Column('rest_level', sa.Integer(), nullable=False, server_default='0'),
            sa.Column('rest_reason', sa.Text(), nullable=False, server_default=''),
            sa.Column('ticket_rules', sa.JSON(), nullable=False, server_default='[]'),
            sa.Column('automatic_rate', sa.Integer(), nullable=False, server_default='30'),
        ),
        'routing_rules': (sa.Column('automatic', sa.Boolean(), nullable=False, server_default=sa.false()),),
        'tickets': (
            sa.Column('sync_due_at', sa.DateTime(timezone=True), nullable=True),
            sa.Column('automatic', sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column('released_at', sa.DateTime(timezone=True), nullable=True),
        ),
        'users': (sa.Column('notices_seen_id', sa.Integer(), nullable=False, server_default='0'),),
    }


def upgrade() -> None:
    """Apply."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_index('ix_tickets_connection_id_sync_due_at', 'tickets', ['connection_id', 'sync_due_at'])
    op.create_index('ix_tickets_connection_id_released_at', 'tickets', ['connection_id', 'released_at'])
    # Tickets that exist already are read back soon.
    op.execute("UPDATE tickets SET sync_due_at = CURRENT_TIMESTAMP WHERE state = 'created'")
    op.create_table('periodic_runs',
    sa.Column('name', sa.String(length=40), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('queued_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('holder', sa.String(length=40), nullable=False),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('outcome', sa.String(length=20), nullable=False),
    sa.Column('report', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_periodic_runs'))
    )
    op.create_table('worker_processes',
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_worker_processes'))
    )
    op.create_table('notices',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('audience', sa.String(length=20), nullable=False),
    sa.Column('user_id', sa.Integer(), nullable=True),
    sa.Column('kind', sa.String(length=40), nullable=False),
    sa.Column('level', sa.String(length=20), nullable=False),
    sa.Column('title', sa.String(length=300), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('link', sa.String(length=300), nullable=False),
    sa.Column('key', sa.String(length=200), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_notices_user_id_users'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notices')),
    sa.UniqueConstraint('key', name=op.f('uq_notices_key')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_notices_audience_id', 'notices', ['audience', 'id'])
    op.create_index('ix_notices_user_id', 'notices', ['user_id'])
    op.create_table('webhooks',
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('uid', sa.String(length=32), nullable=False),
    sa.Column('credentials', sa.JSON(), nullable=False),
    sa.Column('credentials_version', sa.Integer(), nullable=False),
    sa.Column('origin', sa.String(length=300), nullable=False),
    sa.Column('previous_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('registered', sa.JSON(), nullable=False),
    sa.Column('registered_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_webhooks_connection_id_connections'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('connection_id', name=op.f('pk_webhooks')),
    sa.UniqueConstraint('uid', name=op.f('uq_webhooks_uid'))
    )
    op.create_table('ticket_comments',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('ticket_id', sa.Integer(), nullable=False),
    sa.Column('marker', sa.String(length=40), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=20), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('empty_looks', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sending_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('requested_by', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['ticket_id'], ['tickets.id'], name=op.f('fk_ticket_comments_ticket_id_tickets'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_ticket_comments')),
    sa.UniqueConstraint('marker', name=op.f('uq_ticket_comments_marker')),
    sqlite_autoincrement=True
    )
    op.create_table('kept_lists',
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('value', sa.JSON(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_kept_lists_connection_id_connections'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_kept_lists'))
    )
    op.create_index('ix_kept_lists_connection_id', 'kept_lists', ['connection_id'])
    op.create_index('ix_ticket_comments_ticket_id', 'ticket_comments', ['ticket_id'])
    op.create_index('ix_ticket_comments_state_due_at', 'ticket_comments', ['state', 'due_at'])


def downgrade() -> None:
    """Take back."""
    for table in ('kept_lists', 'ticket_comments', 'webhooks', 'notices', 'worker_processes', 'periodic_runs'):
        op.drop_table(table)
    op.drop_index('ix_tickets_connection_id_sync_due_at', table_name='tickets')
    op.drop_index('ix_tickets_connection_id_released_at', table_name='tickets')
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
