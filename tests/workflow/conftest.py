"""Desks and test benches, each with a fresh database."""

from __future__ import annotations

from tests.support.fixtures import desk, either_bench, new_bench, new_desk, new_folder

__all__ = ["desk", "either_bench", "new_bench", "new_desk", "new_folder"]
