"""What was taken or kept, in words."""

from __future__ import annotations

import pytest

from pytest_vlm.memory.timeline import Moment
from pytest_vlm.memory.use import MemoryUse

GIB = 2**30


def use(**fields):
    given = {"measure": "peak", "device": "cuda:0", "bytes": 7 * GIB, "limit": 6 * GIB}
    return MemoryUse(**{**given, **fields})


def test_a_peak_says_its_limit_and_its_parts():
    made_of = {"weights (B)": 5 * GIB, "KV cache (estimated)": GIB, "other (answering)": GIB}
    assert str(use(parts=made_of)) == (
        "limited to 6.0 GiB, allocated 7.0 GiB on cuda:0: 5.0 GiB weights (B), "
        "1.0 GiB KV cache (estimated), 1.0 GiB other (answering)"
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "limited to 6.0 GiB, allocated 7.0 GiB on cuda:0"),
        ({"limit": None}, "allocated 7.0 GiB on cuda:0"),
        ({"bytes": None}, "limited to 6.0 GiB, not measured on cuda:0"),
        ({"bytes": None, "why": "--pdb"}, "limited to 6.0 GiB, not measured on cuda:0 (--pdb)"),
        (
            {"measure": "leak", "bytes": 0, "kept": {"B": "test_x.py: KEPT", "C": ""}},
            "limited to 6.0 GiB, leaked 0 B on cuda:0; B is still there, held by test_x.py: KEPT; "
            "C is still there, held by something that could not be named",
        ),
    ],
)
def test_words(fields, words):
    assert str(use(**fields)) == words


def test_a_model_that_is_kept_is_a_leak_whatever_its_size():
    assert use(measure="leak", bytes=0).within
    assert not use(measure="leak", bytes=0, kept={"B": ""}).within


def test_the_account_has_the_figures_and_the_steps():
    moment = Moment(seconds=1.5, what="loading B", bytes=5 * GIB, peak=6 * GIB)
    told = use(figures={"reserved at most": 8 * GIB}, moments=(moment,), summary="| a table |")
    lines = told.account().splitlines()
    assert lines[0] == str(told)
    assert lines[1].split() == ["8.0", "GiB", "reserved", "at", "most"]
    assert lines[2].split()[0] == "time"
    assert lines[3].split() == ["1.500", "s", "+5.0", "GiB", "+6.0", "GiB", "loading", "B"]
    assert lines[4] == "| a table |"
