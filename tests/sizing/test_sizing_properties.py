"""Promises about every request and every text, looked for with Hypothesis."""

import dataclasses
import itertools
import json
import re
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from sizing import SizingError, advise, digest, parse, result_json, size, spec_for
from sizing.methods import METHODS

BYTES = {"lora": Fraction(2), "qlora8": Fraction(1), "qlora4": Fraction(1, 2)}
GB = {"KB": Fraction(1, 1024**2), "MB": Fraction(1, 1024), "GB": Fraction(1)}

models = st.one_of(
    st.integers(1_000_000, 10**13).map(lambda n: f"{n // 10**9}.{n % 10**9:09d}b"),
    st.integers(1, 10**4).map(lambda n: f"{n}b"),
    st.sampled_from(["26.666666666b", "26.666666667b", "320b", "10t", "1m"]),
)
sizes = st.builds(
    lambda number, places, unit: (f"{number / 10**places:.{places}f}", unit),
    st.integers(1, 10**6),
    st.integers(0, 6),
    st.sampled_from(sorted(GB)),
).filter(lambda size: 0 < Fraction(size[0]) * GB[size[1]] <= 100)
groups = st.lists(st.tuples(st.integers(0, 200), sizes), max_size=4)
methods = st.sampled_from(sorted(METHODS))


def written(model, adapters, method):
    return " ".join([model, *(f"{count}x{number}{unit}" for count, (number, unit) in adapters), method])


def attempt(text):
    """The request, or the error, of a text."""
    try:
        return parse(text)
    except SizingError as error:
        return error


def exact(request):
    """The formula in fractions, from the request's own values."""
    adapters = sum(Fraction(g.count * g.microbytes, 10**6 * 1024**3) for g in request.adapters)
    return Fraction(3, 2) * (Fraction(request.params, 10**9) * BYTES[request.method] + adapters)


@given(models, groups, methods, st.sampled_from([40, 48, 80, 96, 141]))
def test_results_are_exact(model, adapters, method, gpu):
    """Memory, its ceiling and the GPUs equal the same formula in fractions, from the typed digits."""
    if Fraction(model[:-1]) * {"b": 1, "m": Fraction(1, 1000), "t": 1000}[model[-1]] < Fraction(1, 1000):
        model = "1m"
    request = parse(f"{written(model, adapters, method)} gpu={gpu}")
    needs = size(request)
    typed = sum((count * Fraction(number) * GB[unit] for count, (number, unit) in adapters), Fraction(0))
    raw = Fraction(3, 2) * (Fraction(request.params, 10**9) * BYTES[method] + typed)
    assert raw == exact(request)
    assert Fraction(needs.gpu_memory_gb_exact) == raw
    assert needs.gpu_memory_gb == -(-raw // 1)
    assert needs.num_gpus == -(-raw // gpu)
    assert sum(Fraction(term.gb) for term in needs.terms[:-1]) == raw
    left, _, right = needs.formula.partition(" = ")
    arithmetic = re.sub(r"\d+(\.\d+)?", lambda m: f"Fraction('{m[0]}')", left.replace("×", "*"))
    assert eval(arithmetic, {"Fraction": Fraction}) == Fraction(right)  # noqa: S307 our own formula


@given(models, groups, st.integers(1, 50), sizes)
def test_more_never_needs_less(model, adapters, count, adapter):
    """More adapters, and wider weights, never need less; adapters add up."""
    base, more = written(model, adapters, "lora"), f"{count}x{adapter[0]}{adapter[1]}"
    requests = [
        attempt(text) for text in (base, f"{base} {more}", f"{model} {more} lora", f"{model} none lora")
    ]
    if any(isinstance(request, SizingError) for request in requests):
        assert {r.code for r in requests if isinstance(r, SizingError)} == {"E08"}
        return
    small, large, alone, nothing = map(size, requests)
    assert large.raw_ticks - small.raw_ticks == alone.raw_ticks - nothing.raw_ticks > 0
    assert large.gpu_memory_gb >= small.gpu_memory_gb
    assert large.num_gpus >= small.num_gpus
    rows = [row.breakdown.raw_ticks for row in advise(large.request, large).methods]
    assert rows == sorted(rows, reverse=True)


@given(models, groups, methods, st.randoms())
def test_canonical_text_is_one_and_reads_back(model, adapters, method, random):
    """Any order has one canonical text; reading it gives the same values; a name is always safe."""
    words = written(model, adapters, method).split()
    shuffled = words[:]
    random.shuffle(shuffled)
    request = attempt(" ".join(words))
    if isinstance(request, SizingError):
        assert request.code == "E08"
        return
    assert parse(" ".join(shuffled)).canonical == request.canonical
    assert parse(request.canonical) == request
    assert parse(request.canonical).canonical == request.canonical
    assert re.fullmatch(r"[a-z0-9_-]{1,64}", request.spec_name)


@given(models, groups, methods)
def test_advice_is_exact_at_the_edge(model, adapters, method):
    """`k more fit` keeps the GPU count and one more raises it; so does one parameter over the largest base."""
    request = attempt(written(model, adapters, method))
    if isinstance(request, SizingError):
        return
    needs = size(request)
    advice = advise(request, needs)
    largest = request.model_copy(update={"params": advice.largest_base_params})
    assert size(largest).num_gpus == needs.num_gpus
    over = request.model_copy(update={"params": advice.largest_base_params + 1})
    assert size(over).num_gpus == needs.num_gpus + 1
    if advice.more_fit is None:
        assert not request.adapters
        return
    first, *others = request.adapters
    for extra, gpus in ((advice.more_fit, 0), (advice.more_fit + 1, 1)):
        more = dataclasses.replace(first, count=first.count + extra)
        assert (
            size(request.model_copy(update={"adapters": (more, *others)})).num_gpus - needs.num_gpus > 0
        ) == gpus


@given(models, groups, methods)
def test_a_payload_has_the_apis_types(model, adapters, method):
    """Units are text, memory is text with Gi, the GPU count is an integer; an override has another name."""
    request = attempt(written(model, adapters, method))
    if isinstance(request, SizingError):
        return
    needs = size(request)
    body = spec_for(request, needs).body()
    assert list(body) == ["name", "description", "nodes"]
    assert body["nodes"] == {
        "cpu": {"units": str(needs.num_gpus + 1)},
        "mem": {"size": f"{needs.gpu_memory_gb}Gi"},
        "gpu": {"num_gpu": needs.num_gpus},
    }
    if needs.num_gpus < 64:
        other = spec_for(request, needs, use_gpus=64).body()
        assert other["name"] != body["name"]
        assert len(other["name"]) <= 64
        assert digest(other, "https://a", "s") != digest(body, "https://a", "s")


SEEN = """
10b 2x128MB lora qlora4 + , & none 0 8x7b 4x3b r16 4xr16:qv llama-3.1-8b lama-3.1-8b name=a gpu=40 x
qlroa4 10 128 2x 128Mbit 7,5b 1e10 -10b 0b 10GB [2x128MB] @bob <@U1> https://a.b/c-8b int6 8 — 🚀 ١٠b
10b;2x128MB 2@128MB foo=bar 1/3b 0x10b nanb 2x4xr16 10 000m 9999t .5b 1. “lora” 2adapters 1e3x1MB
"""
WORDS = [*SEEN.split(), "\ud800", "\x00", "\u202e", "10b\u00a0"]
typed = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789.,xb MGKBr+-=/:e<>@\"'´`×х", max_size=60),
    st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=5).map("".join),
    st.text(st.characters(), max_size=400),
)


@settings(max_examples=600)
@given(typed)
def test_every_text_is_sized_or_refused_with_a_way_out(text):
    """No other exception, ever; the error's facts are whole, short, inside the text, and its fix can be sized."""
    answer = attempt(text)
    if isinstance(answer, SizingError):
        assert re.fullmatch(r"E(0[1-9]|1[0-4]|16|17)", answer.code)
        assert 0 < len(answer.message) <= 140
        assert answer.message.count(". ") <= 2
        answer.message.encode()
        start, end = answer.span
        assert 0 <= start < end <= len(text) + 1
        assert (answer.suggestion is None) != (answer.example is None)
        fix = answer.suggestion or answer.example
        parse(fix)
        assert answer.hint == f"Try: /peftsize {fix}"
        assert answer.picture().count("^") >= 1
    else:
        assert parse(answer.canonical) == answer
    json.dumps(result_json(text))


def test_long_texts_end_soon_and_well():
    """Ten thousand characters of anything are refused as too long, with a request that can be sized."""
    for unit in ("x", "1 ", "10b ", "1x1MB ", "9", "🚀", "\x00", "\ud800", "[", "-", "10b;", "lama-3.1-8b "):
        text = unit * (10_000 // len(unit))
        answer = result_json(text)["error"]
        assert answer["code"] == "E17"
        parse(answer["suggestion"] or answer["example"])


def test_names_tell_payloads_apart():
    """Requests with other values have other names, the override and the GPU size included."""
    texts = [
        " ".join(parts)
        for parts in itertools.product(
            ["10b", "1b", "llama-3.1-8b", "llama-3-8b"],
            ["none", "2x128MB", "2x1.28MB", "21x28MB"],
            METHODS,
            ["", "gpu=40"],
        )
    ]
    names = [parse(text).name_for(use) for text in texts for use in (None, 32)]
    assert len(set(names)) == len(names)
