"""What is stripped from a model's name, and what is not, word by word."""

from __future__ import annotations

import pytest

from sizing import models, search


@pytest.mark.parametrize(
    "publisher", ["meta", "ibm", "google", "microsoft", "openai", "mistralai", "deepseek-ai", "alibaba"]
)
def test_a_publisher_may_stand_before_the_name(publisher: str) -> None:
    """As an organisation or as a word of the name; before a digit it is no publisher."""
    for name in (f"{publisher}-llama-3.1-8b", f"{publisher} llama 3.1 8b", f"{publisher}/llama-3.1-8b"):
        found = models.find(name)
        assert found is not None
        assert found.name == "llama-3.1-8b"
    assert models.find(f"{publisher}-3.1-8b") is None
    assert models.find(f"x-{publisher}-llama-3.1-8b") is None


@pytest.mark.parametrize("variant", ["instruct", "chat", "base", "it", "hf"])
def test_a_variant_may_stand_behind_the_name(variant: str) -> None:
    """Or within it: variants of one base share its shapes."""
    for name in (f"llama-3.1-8b-{variant}", f"llama-3.1-{variant}-8b", f"llama-3.1-8b-{variant}-{variant}"):
        found = models.find(name)
        assert found is not None
        assert found.name == "llama-3.1-8b"
    assert models.find(f"llama-3.1-8b-{variant}x") is None


@pytest.mark.parametrize(
    ("date", "known"),
    [
        *[(date, True) for date in ("2407", "2212", "2901", "0528", "0131", "1231", "0101", "1200")],
        *[(date, True) for date in ("2024-07", "202407", "20240723", "2024-07-23", "2039-12-39", "20200101")],
        *[(date, False) for date in ("2113", "2013", "1301", "0042", "1332", "2400", "2413", "240", "24071")],
        *[(date, False) for date in ("20241323", "2019-07", "2024-00", "2040-01", "0540")],
    ],
)
def test_a_date_may_stand_behind_the_name(date: str, *, known: bool) -> None:
    """Year and month, month and day, or all three; other digits are another model."""
    assert (models.find(f"llama-3.1-8b-{date}") is not None) is known
    assert (models.find(f"llama-3.1-8b-instruct-{date}") is not None) is known


def test_a_model_with_dated_releases_has_no_others() -> None:
    """Where the table tells releases apart by dates, an unknown date is another model."""
    found = models.find("mistral-large-2407")
    assert found is not None
    assert found.name in models.model_names()
    assert models.find("mistral-large-2510") is None


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Llama-3.1-8B", "llama3-1-8b"),
        ("llama3.1:8b", "llama3-1-8b"),
        ("org/sub/Llama 3.1_8B", "llama3-1-8b"),
        ("meta-llama-3.1-8b-chat", "llama3-1-8b"),
        ("gemma-2-9b-it", "gemma2-9b"),
        ("yi-34b", "yi34b"),
        ("gpt-oss-20b", "gpt-oss20b"),
        ("  ", "-"),
    ],
)
def test_names_are_reduced_to_what_tells_models_apart(name: str, key: str) -> None:
    """Case, organisation, publisher, variants and separators go; the numbers stay apart."""
    assert models.key(name) == key


def test_point_zero_may_be_left_out() -> None:
    """``granite-4-h-tiny`` is 4.0; ``granite-40-h-tiny`` is nothing."""
    found = models.find("granite-4-h-tiny")
    assert found is not None
    assert found.name == "granite-4.0-h-tiny"
    assert models.find("granite-40-h-tiny") is None


def test_only_a_mixture_has_experts() -> None:
    """Which decides what the card says about the active parameters."""
    mixtures = {"mixtral-8x7b", "deepseek-v3", "gpt-oss-20b", "qwen3-30b-a3b", "granite-3.1-1b-a400m"}
    assert all(models.table()[name].is_mixture for name in mixtures)
    assert not any(models.table()[name].is_mixture for name in ("llama-3.1-8b", "phi-4", "gemma-2-9b"))
    unknown_shapes = [model for model in models.table().values() if model.shapes is None]
    assert unknown_shapes
    assert not any(model.is_mixture for model in unknown_shapes)


def names(query: str, limit: int = 25) -> list[str]:
    return [found.name for found in search(query, limit)]


def test_a_search_offers_the_number_first() -> None:
    """With the scale that is missing, or as typed; then the models that it is part of."""
    assert names("13")[:2] == ["13b", "llama-2-13b"]
    assert names("135m")[:2] == ["135m", "smollm2-135m"]
    assert names("7.5b") == ["7.5b"]
    assert names("0.5")[0] == "500m"
    assert names("3t")[0] == "3t"
    assert [found.params for found in search("13")[:1]] == [13_000_000_000]


def test_a_search_sorts_by_where_the_query_stands() -> None:
    """Names that begin with it, then names that hold it, each in the table's order; then what was meant."""
    found = names("llama", 100)
    first = [name for name in models.model_names() if name.startswith("llama")]
    assert found[: len(first)] == first
    assert "codellama-7b" in found[len(first) :]
    assert names("lama-3.1-8b") == ["llama-3.1-8b"]
    assert names("no such model") == []


def test_a_search_for_nothing_finds_the_table() -> None:
    """In its order, as many as were asked for; 25 where nobody says."""
    assert tuple(names("", 1000)) == models.model_names()
    assert tuple(names("   ")) == models.model_names()[:25]
    assert names("llama", 2) == ["llama-2-7b", "llama-2-13b"]


def test_a_search_reads_a_hundred_characters() -> None:
    """More is cut: nobody types it, and it is compared with every name."""
    assert names("llama-3.1-8b" + " " * 87 + "zq") == ["llama-3.1-8b"]
    assert names("llama-3.1-8b" + " " * 86 + "zq") == []
