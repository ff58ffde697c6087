"""the thread in which a card was asked for."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('requests', sa.Column('thread_ts', sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column('requests', 'thread_ts')
