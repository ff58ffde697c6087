"""user groups that were edited since a request was made, and gave somebody a vote on it."""

import sqlalchemy as sa
from alembic import op


revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('requests', sa.Column('groups_edited', sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column('requests', 'groups_edited')
