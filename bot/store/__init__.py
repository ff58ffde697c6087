"""Persistence: ``Store`` opens transactions on SQLite or PostgreSQL."""

from bot.store.database import Database
from bot.store.store import Store, Tx

__all__ = ["Database", "Store", "Tx"]
