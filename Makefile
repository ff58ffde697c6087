# `make demo` and `make test` are all a newcomer needs: Python >= 3.11 and nothing else. Without make:
# `sh scripts/demo`, `sh scripts/test`. Everything happens in .venv, made from the pinned and hashed lock files.
.DEFAULT_GOAL := check
.PHONY: check format lint types test demo sandbox bench chaos mutation test-all audit lock release image pictures fix clean

PYTHON ?= $(shell scripts/find-python)
BIN := .venv/bin

.venv/.run: requirements/run.lock pyproject.toml scripts/setup
	scripts/setup "$(PYTHON)" run
.venv/.dev: requirements/dev.lock pyproject.toml scripts/setup
	scripts/setup "$(PYTHON)" dev

demo:
	PYTHON="$(PYTHON)" sh scripts/demo
sandbox: .venv/.run
	$(BIN)/peftsize sandbox

check: format lint types test
format: .venv/.dev
	$(BIN)/ruff format --check .
lint: .venv/.dev
	$(BIN)/ruff check .
types: .venv/.dev
	$(BIN)/mypy
test:
	PYTHON="$(PYTHON)" sh scripts/test

fix: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
bench: .venv/.dev
	$(BIN)/python -m benchmarks
chaos: .venv/.dev
	$(BIN)/python -m tests.chaos
mutation: .venv/.dev
	$(BIN)/python -m tests.mutation --write
test-all:
	scripts/test-all
audit: .venv/.dev
	scripts/audit
pictures: .venv/.dev
	$(BIN)/python scripts/pictures.py
lock:
	scripts/lock
release:
	scripts/release
image:
	scripts/image
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
