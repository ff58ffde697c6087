"""Alembic's entry: the connection comes from ``bot.store.schema``, which holds the lock."""

from alembic import context

from bot.store.indexes import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
