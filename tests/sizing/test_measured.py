"""The second opinion against measured servers: the figures of docs/sizing.md, held on the given rows."""

from __future__ import annotations

from benchmarks import measured

RUNS = measured.runs()


def test_no_run_without_room_is_said_to_fit() -> None:
    """Of 69 starts 16 had no room to serve; none of them fits, and none that served is called impossible."""
    found = measured.score(RUNS)
    assert (found.runs, sum(not run.served for run in RUNS)) == (69, 16)
    assert (found.false_fits, found.false_refusals) == (0, 0)


def test_kv_memory_is_predicted() -> None:
    """The middle of the range is off by 0.03 GiB at most where a server ran; the range holds every measurement."""
    found = measured.score(RUNS)
    assert found.median_error <= 0.01
    assert found.p90_error <= 0.03
    assert found.inside_percent == 100
    assert found.median_width <= 0.5
    assert max(abs(run.error) for run in RUNS if run.served) <= 0.03


def test_the_loaded_model_is_exact() -> None:
    """What vLLM logs of loading the weights, to the four decimals that it prints."""
    assert max(abs(run.estimate.model_load_gib - run.load_gib) for run in RUNS if run.load_gib) <= 1.01e-4


def test_one_constant_holds_for_groups_it_was_not_fitted_on() -> None:
    """Fitted without a model, a rank or a band of slots, it predicts them all the same."""
    found = measured.held_out(RUNS)
    assert {name for name, _, _ in found} >= {"llama-2-7b", "llama-2-13b", "rank  64"}
    for name, shift, error in found:
        assert abs(shift) <= 0.03, name
        assert error <= 0.03, name
