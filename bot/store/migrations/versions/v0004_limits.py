"""what limits are counted by: GPUs of each request, and refusals of the last minute."""

from typing import Any

import sqlalchemy as sa
from alembic import op


revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None

_BODY = (
    'SELECT {} FROM revisions WHERE revisions.request_id = requests.id '
    'AND revisions.revision = requests.revision'
)
_GPUS = {
    'sqlite': "json_extract(payload, '$.nodes.gpu.num_gpu')",
    'postgresql': "(payload::json -> 'nodes' -> 'gpu' ->> 'num_gpu')::int",
}


def upgrade() -> None:
    op.add_column('requests', sa.Column('num_gpus', sa.Integer(), nullable=True))
    gpus = _BODY.format(_GPUS[op.get_bind().dialect.name])
    op.get_bind().exec_driver_sql(f'UPDATE requests SET num_gpus = ({gpus}) WHERE reserved')
    op.drop_index('ix_requests_requester', table_name='requests')
    op.create_index('ix_requests_requester', 'requests', ['requester_id', 'created_at'])
    held: Any = {'sqlite_where': sa.text('reserved'), 'postgresql_where': sa.text('reserved')}
    op.create_index('ix_requests_held_by_person', 'requests', ['requester_id'], **held)
    op.create_index('ix_requests_held_in_space', 'requests', ['space_id', 'kind', 'state', 'num_gpus'], **held)
    op.create_table(
        'refusals',
        sa.Column('key', sa.String(length=64), nullable=False),
        sa.Column('event', sa.String(length=64), nullable=False),
        sa.Column('actor', sa.Text(), nullable=False),
        sa.Column('origin', sa.String(length=16), nullable=False),
        sa.Column('request_id', sa.String(length=16), nullable=True),
        sa.Column('reason', sa.Text(), nullable=True),
        sa.Column('since', sa.BigInteger(), nullable=False),
        sa.Column('again', sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint('key', name=op.f('pk_refusals')),
    )


def downgrade() -> None:
    op.drop_table('refusals')
    op.drop_index('ix_requests_held_in_space', table_name='requests')
    op.drop_index('ix_requests_held_by_person', table_name='requests')
    op.drop_index('ix_requests_requester', table_name='requests')
    op.create_index('ix_requests_requester', 'requests', ['team_id', 'requester_id', 'created_at'])
    op.drop_column('requests', 'num_gpus')
