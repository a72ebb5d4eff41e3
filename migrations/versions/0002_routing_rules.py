"""Routing rules"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table('routing_rules',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('connection_id', sa.Integer(), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('conditions', sa.JSON(), nullable=False),
    sa.Column('destination', sa.JSON(), nullable=False),
    sa.Column('destination_names', sa.JSON(), nullable=False),
    sa.Column('field_defaults', sa.JSON(), nullable=False),
    sa.Column('severity_values', sa.JSON(), nullable=False),
    sa.Column('integration_user_id', sa.Integer(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['connection_id'], ['connections.id'], name=op.f('fk_routing_rules_connection_id_connections'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['integration_user_id'], ['integration_users.id'], name=op.f('fk_routing_rules_integration_user_id_integration_users'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_routing_rules')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_routing_rules_connection_id_position', 'routing_rules', ['connection_id', 'position'])
    # Removing a person looks for the tickets and rules that name it.
    op.create_index('ix_tickets_integration_user_id', 'tickets', ['integration_user_id'])
    op.create_index('ix_routing_rules_integration_user_id', 'routing_rules', ['integration_user_id'])


def downgrade() -> None:
    """Take back."""
    op.drop_index('ix_tickets_integration_user_id', table_name='tickets')
    op.drop_table('routing_rules')
