"""Desks and test benches, each with a fresh database."""

from __future__ import annotations

from tests.support.fixtures import bench, desk, either_bench, new_bench, new_desk, new_folder

__all__ = ["bench", "desk", "either_bench", "new_bench", "new_desk", "new_folder"]
