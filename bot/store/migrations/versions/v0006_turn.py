"""which of Slack's limits an outbox message spends, and what goes first."""

import sqlalchemy as sa
from alembic import op


revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('outbox', sa.Column('budget', sa.String(length=60), nullable=True))
    op.add_column('outbox', sa.Column('rank', sa.Integer(), nullable=True))
    op.create_index('ix_outbox_turn', 'outbox', ['rank', 'due_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_outbox_turn', table_name='outbox')
    op.drop_column('outbox', 'rank')
    op.drop_column('outbox', 'budget')
