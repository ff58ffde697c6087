"""what a request is for, in the audit rows that ask for it."""

import sqlalchemy as sa
from alembic import op


revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('audit', sa.Column('purpose', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('audit', 'purpose')
