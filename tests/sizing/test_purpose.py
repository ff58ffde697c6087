"""What a request is for: read behind everything else, kept out of all that is sized, never part of a fix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sizing
from sizing.parsing.purpose import LONGEST_PURPOSE, tidy

TEXT = "10b 2x128MB qlora4"


@pytest.mark.parametrize(
    ("typed", "purpose"),
    [
        ('for="quarterly eval, ABC-123"', "quarterly eval, ABC-123"),
        ("for=“quarterly eval”", "quarterly eval"),
        ("FOR='Ada's demo'", "Ada's demo"),
        ('for="say "70b 8x1GB" twice"', 'say "70b 8x1GB" twice'),
        ('for=" a\n\tb\u202e "', "a b"),
        ('for="for="x""', 'for="x"'),
    ],
)
def test_a_purpose_is_read_behind_the_request(typed: str, purpose: str) -> None:
    """Any quotes will do, and quotes inside; what cannot be printed goes."""
    assert sizing.split_purpose(f"{TEXT} {typed}") == (TEXT, purpose)


@given(st.text(min_size=1, max_size=LONGEST_PURPOSE).map(tidy).filter(bool))
def test_no_purpose_changes_what_is_sized(purpose: str) -> None:
    """Whatever it says: the request, its canonical text and its name are those of the text before it."""
    text = f'{TEXT} for="{purpose}"'
    assert sizing.split_purpose(text) == (TEXT, purpose)
    assert sizing.parse(text).canonical == TEXT
    assert sizing.size(text) == sizing.size(TEXT)


@pytest.mark.parametrize(
    ("text", "code", "words", "example"),
    [
        ("10b for=eval", "E11", "in quotes", '10b for="quarterly eval"'),
        ('10b for="eval', "E11", "no closing quote", '10b for="quarterly eval"'),
        ('10b for="eval" 2x128MB', "E11", "comes last", '10b 2x128MB for="quarterly eval"'),
        ('for="eval" 10b', "E11", "comes last", '10b for="quarterly eval"'),
        ('10b for=""', "E11", "needs a purpose", '10b for="quarterly eval"'),
        ('10 apples for="', "E11", "no closing quote", '10b 2x128MB lora for="quarterly eval"'),
        (f'10b for="{"a" * 201}"', "E17", "201 characters; at most 200", '10b for="quarterly eval"'),
    ],
)
def test_a_purpose_that_cannot_be_read_is_refused(text: str, code: str, words: str, example: str) -> None:
    """With the place, the reason, and an example that parses and repeats nothing of the purpose."""
    with pytest.raises(sizing.SizingError) as caught:
        sizing.parse(text)
    error = caught.value
    assert (error.code, error.suggestion, error.example) == (code, None, example)
    assert words in error.message
    assert text[error.span[0] :].lower().startswith("for=")
    sizing.parse(example)


@pytest.mark.parametrize("purpose", ["1x1GB", "use 70b", "mention 128Mbit"])
def test_a_fix_of_the_request_does_not_repeat_the_purpose(purpose: str) -> None:
    """The suggestion is made of the request alone."""
    with pytest.raises(sizing.SizingError) as caught:
        sizing.parse(f'10b 2x128Mbit for="{purpose}"')
    assert caught.value.suggestion == "10b 2x128MB"
    assert purpose not in caught.value.picture()


def test_the_word_for_is_still_a_filler() -> None:
    """Only ``for=`` begins a purpose."""
    assert sizing.split_purpose("10b for 2 adapters of 128MB") == ("10b for 2 adapters of 128MB", None)
    assert sizing.parse("10b for 2 adapters of 128MB").canonical == "10b 2x128MB lora"
