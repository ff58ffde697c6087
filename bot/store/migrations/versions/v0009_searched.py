"""the text that requests are found by, and an index of its trigrams."""

import sqlalchemy as sa
from alembic import op


revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None

_APART = '\x1f'
_LINES = (
    'SELECT requests.id, requests.canonical, requests.name, requester_name, requester_id, spec_id, purpose '
    'FROM requests JOIN revisions ON revisions.request_id = requests.id '
    'AND revisions.revision = requests.revision ORDER BY requests.created_at, requests.id DESC'
)
# automerge 16: a command waits for a merge of the index a quarter as often as with 4
_SQLITE = (
    "CREATE VIRTUAL TABLE searched_trigrams USING fts5(text, content='searched', content_rowid='number', "
    "tokenize='trigram', detail=none, columnsize=0)",
    "INSERT INTO searched_trigrams(searched_trigrams, rank) VALUES ('automerge', 16)",
    "INSERT INTO searched_trigrams(searched_trigrams) VALUES ('rebuild')",
    'CREATE TRIGGER searched_added AFTER INSERT ON searched BEGIN '
    'INSERT INTO searched_trigrams(rowid, text) VALUES (new.number, new.text); END',
    'CREATE TRIGGER searched_changed AFTER UPDATE OF text ON searched BEGIN '
    "INSERT INTO searched_trigrams(searched_trigrams, rowid, text) VALUES ('delete', old.number, old.text); "
    'INSERT INTO searched_trigrams(rowid, text) VALUES (new.number, new.text); END',
)
_MAY_HAVE_TRIGRAMS = (
    "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') "
    "OR EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') "
    "AND has_database_privilege(current_database(), 'CREATE')"
)
_POSTGRESQL = (
    'CREATE EXTENSION IF NOT EXISTS pg_trgm',
    'CREATE INDEX searched_trigrams ON searched USING gin (text gin_trgm_ops)',
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
    searched = op.create_table(
        'searched',
        sa.Column('number', number, nullable=False),
        sa.Column('request_id', sa.String(length=16), nullable=False),
        sa.Column('text', sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(['request_id'], ['requests.id'], name=op.f('fk_searched_request_id')),
        sa.PrimaryKeyConstraint('number', name=op.f('pk_searched')),
        sa.UniqueConstraint('request_id', name=op.f('uq_searched_request_id')),
    )
    _fill(searched)
    op.create_index('ix_requests_spec', 'requests', ['spec_id', 'state', 'created_at'])
    if op.get_bind().dialect.name == 'sqlite':
        for statement in _SQLITE:
            op.get_bind().exec_driver_sql(statement)
    elif op.get_bind().exec_driver_sql(_MAY_HAVE_TRIGRAMS).scalar():
        for statement in _POSTGRESQL:
            op.get_bind().exec_driver_sql(statement)


def _fill(searched: sa.Table) -> None:
    if op.get_bind().dialect.name == 'postgresql':
        op.get_bind().exec_driver_sql('SET LOCAL statement_timeout = 0')
    found = op.get_bind().execute(sa.text(_LINES), execution_options={'yield_per': 5_000})
    for rows in found.partitions():
        lines = [_APART.join(_folded(part) for part in row if part) for row in rows]
        some = [{'request_id': row[0], 'text': line} for row, line in zip(rows, lines, strict=True)]
        op.bulk_insert(searched, some)


def _folded(words: str) -> str:
    return words.casefold().replace('\0', '').replace(_APART, '').encode('utf-8', 'ignore').decode('utf-8')


def downgrade() -> None:
    if op.get_bind().dialect.name == 'sqlite':
        op.get_bind().exec_driver_sql('DROP TABLE searched_trigrams')
    op.drop_index('ix_requests_spec', table_name='requests')
    op.drop_table('searched')
