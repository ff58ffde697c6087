"""the policy behind a vote and an audit row, and how far a request has escalated."""

import sqlalchemy as sa
from alembic import op


revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('votes', sa.Column('policy', sa.String(length=64), nullable=True))
    op.add_column('audit', sa.Column('policy', sa.String(length=64), nullable=True))
    op.add_column('requests', sa.Column('escalated_ms', sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column('requests', 'escalated_ms')
    op.drop_column('audit', 'policy')
    op.drop_column('votes', 'policy')
