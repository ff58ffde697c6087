"""what seals a vote, and an audit row that may lead to a POST."""

import sqlalchemy as sa
from alembic import op


revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('votes', sa.Column('seal', sa.Text(), nullable=True))
    op.add_column('audit', sa.Column('seal', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('audit', 'seal')
    op.drop_column('votes', 'seal')
