"""Who stays: property by property, against trying every choice."""

from __future__ import annotations

from itertools import combinations

from hypothesis import example, given
from hypothesis import strategies as st

from pytest_vlm.checkpoint.pool.room import choose_kept, unique_bytes

SIZES = {0: 1, 1: 2, 2: 3, 3: 5, 4: 8, 5: 0}
PIECES = st.sets(st.sampled_from(sorted(SIZES)), max_size=4)
DEVICES = st.sampled_from(["cuda:0", "cuda:1"])


@st.composite
def residents(draw, most):
    many = draw(st.lists(st.tuples(DEVICES, PIECES), max_size=most))
    return [{(device, at): SIZES[at] for at in pieces} for device, pieces in many]


def fits(staying, need, budget, most):
    used = unique_bytes(staying)
    devices = {*used, *need}
    within = budget is None or all(used[d] + need.get(d, 0) <= budget for d in devices)
    return len(staying) <= most and within


@given(
    fixed=residents(2),
    idle=residents(5),
    need=st.dictionaries(DEVICES, st.integers(0, 12), max_size=2),
    budget=st.none() | st.integers(0, 30),
    most=st.integers(0, 6),
)
@example(  # neither of two that share all frees anything alone; both together do
    fixed=[],
    idle=[{("cuda:0", 4): 8}, {("cuda:0", 4): 8}],
    need={"cuda:0": 5},
    budget=10,
    most=6,
)
def test_the_most_recently_used_that_fit_stay(fixed, idle, need, budget, most):
    kept = choose_kept(fixed, idle, need=need, budget=lambda _: budget, most=most)
    if kept is None:
        assert not fits(fixed, need, budget, most)
        return
    places = range(len(idle))
    choices = (chosen for size in range(len(idle) + 1) for chosen in combinations(places, size))
    possible = [
        chosen for chosen in choices
        if fits([*fixed, *(idle[place] for place in chosen)], need, budget, most)
    ]  # fmt: skip
    # Of all choices that fit, the one that has the most recent, then the next of them, and so on.
    assert tuple(kept) == max(possible, key=lambda chosen: [place in chosen for place in places])


def test_one_that_frees_nothing_stays():
    shared = {("cpu", 0): 10}
    idle = [shared, {("cpu", 1): 6}]
    assert choose_kept([shared], idle, need={"cpu": 6}, budget=lambda _: 20, most=9) == [0]


def test_a_piece_counts_once_on_each_device():
    a = {("cuda:0", 7): 3, ("cuda:0", 8): 4}
    b = {("cuda:0", 7): 3, ("cpu", 7): 2}
    assert unique_bytes([a, b]) == {"cuda:0": 7, "cpu": 2}
