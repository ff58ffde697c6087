"""The request in a sentence, and the search for a base model."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sizing import extract, parse, search
from sizing.models import table
from sizing.parsing.extract import MOST_WORDS

words = st.sampled_from(
    ["we", "should", "serve", "13b", "4x64MB", "qlora4", "llama", "3.1", "8b", "with", "2", "of", "128MB"]
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("We should serve 13b 4x64MB… for them", "13b 4x64MB lora"),
        ("*13b 4x64MB qlora4*, please?", "13b 4x64MB qlora4"),
        ("Can we get `llama 3.1 8b` with 4 qlora adapters of 64MB by Friday?", "llama-3.1-8b 4x64MB qlora4"),
        ("(70b 10x500MB lora) space=prod", "70b 10x500MB lora space=prod"),
        ("10b 2x128MB & qlora4", "10b 2x128MB qlora4"),
        ("first 7b, then rather 10b 2 x 128 MB qlora8", "10b 2x128MB qlora8"),
    ],
)
def test_the_longest_request_is_found(text, found):
    """The longest span of words that can be read, whatever stands round it."""
    assert extract(text).canonical == found


@pytest.mark.parametrize("text", ["", "Good morning", "2x128MB qlora4", "the model", "…!?"])
def test_a_text_without_a_base_model_holds_no_request(text):
    """Nothing is made up."""
    assert extract(text) is None


def test_a_long_text_is_read_to_a_bound():
    """What stands behind the last word that is looked at is not found."""
    assert extract("hello " * (MOST_WORDS - 1) + "10b").canonical == "10b none lora"
    assert extract("hello " * MOST_WORDS + "10b") is None


@given(st.text(max_size=400))
@example("=" * 400)
@example("10b " * 100)
def test_no_text_breaks_it(text):
    """Any text has a request or none."""
    found = extract(text)
    assert found is None or parse(found.canonical) == found


@given(st.lists(words, max_size=12).map(" ".join))
def test_what_can_be_read_whole_is_found_whole(text):
    """A text that is a request by itself is that request."""
    try:
        whole = parse(text)
    except Exception:  # noqa: BLE001 - the property is about the others
        return
    assert extract(text) == whole


@given(st.text(max_size=120))
def test_every_model_found_can_be_asked_for(query):
    """Whatever is typed, what is offered is a base model that the grammar reads as the same number."""
    for found in search(query):
        assert parse(found.name).params == found.params


def test_the_search_knows_names_numbers_and_slips():
    """Numbers as typed, parts of names, organisations, and a misspelt name."""
    assert search("13")[0].name == "13b"
    assert search("8b")[0].name == "8b"
    assert search("meta-llama/Llama-3.1-8B")[0].name == "llama-3.1-8b"
    assert [found.name for found in search("lama-3.1-8b")] == ["llama-3.1-8b"]
    assert {found.name for found in search("", limit=1000)} == set(table())
    assert search("no such model") == ()
    assert search("10b 2x128MB") == ()
