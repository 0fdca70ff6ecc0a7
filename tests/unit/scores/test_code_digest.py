"""A score's identity: the same in every process, another after every edit."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import pytest

from pytest_vlm.scores import boxed, exact_match, iou, last_number, score
from pytest_vlm.scores.code_digest import code_digest
from pytest_vlm.scores.coordinates import PIXELS, qwen2_5_vl

SOURCE = """
import re
from dataclasses import dataclass
from functools import partial
from pytest_vlm.scores import score

WORDS = frozenset({"alpha", "beta", "gamma", "delta"})
LIMIT = 3
EXPRESSION = re.compile("a+")

@dataclass(frozen=True)
class Setting:
    depth: int = 2
    def deeper(self):
        return self.depth + 1

SETTING = Setting()

class Slotted:
    __slots__ = ("height",)
    def __init__(self):
        self.height = 4
    def __call__(self, text):
        return self.height

SLOTTED = Slotted()

def helper(text):
    return len(text) > LIMIT and EXPRESSION.search(text)

def outer(factor, inner):
    def judge(case, weight=0.5, *, least=1):
        chosen = case.answer in {"one", "two", "three", "four"}
        return factor * weight + least + inner(case) + helper(case.answer) + chosen
    return judge

def inner(offset):
    return lambda case: offset + (case.answer in WORDS) + SETTING.deeper() + SLOTTED(case)

mine = score(name="mine", needs=())(outer(2, inner(7)))
parts = score(name="parts", needs=())(partial(outer, 3))
"""

EDITS = {
    "constant": ("+ least +", "+ 1 + least +"),
    "set of constants": ('"four"}', '"five"}'),
    "closure value": ("outer(2,", "outer(3,"),
    "default": ("weight=0.5", "weight=0.6"),
    "keyword default": ("least=1", "least=2"),
    "nested helper's closure": ("inner(7)", "inner(8)"),
    "global constant": ("LIMIT = 3", "LIMIT = 4"),
    "global set": ('"delta"', '"epsilon"'),
    "helper's code": ("len(text) >", "len(text) >="),
    "expression": ('"a+"', '"a*"'),
    "method": ("self.depth + 1", "self.depth - 1"),
    "object's field": ("Setting()", "Setting(5)"),
    "slot": ("SLOTTED = Slotted()", "SLOTTED = Slotted(); SLOTTED.height = 5"),
    "attribute": ("case.answer in {", "case.extracted in {"),
    "name": ('name="mine"', 'name="yours"'),
}


def built(source: str, name: str = "mine"):
    module = ModuleType("users_suite")
    sys.modules[module.__name__] = module  # dataclasses look there
    try:
        exec(compile(source, "suite", "exec", dont_inherit=True), vars(module))
    finally:
        del sys.modules[module.__name__]
    return vars(module)[name]


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_changes_the_identity(edit):
    before, after = EDITS[edit]
    assert before in SOURCE
    assert built(SOURCE.replace(before, after)).identity != built(SOURCE).identity


def test_what_changes_nothing_keeps_it():
    moved = "\n\n# a comment\n" + SOURCE.replace("\n\n", "\n\n\n# more\n")
    assert built(moved).identity == built(SOURCE).identity


def test_a_global_that_is_only_named_like_an_attribute_does_not_count():
    assert built(SOURCE + "answer = height = depth = 5\n").identity == built(SOURCE).identity


def test_a_partial_is_followed():
    changed = SOURCE.replace("partial(outer, 3)", "partial(outer, 4)")
    assert built(changed, "parts").identity != built(SOURCE, "parts").identity


def test_every_process_finds_the_same(tmp_path):
    (tmp_path / "users_suite.py").write_text(SOURCE, encoding="utf-8")
    command = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import users_suite\n"
        "from pytest_vlm.scores import find_score\n"
        "from pytest_vlm.scores.catalogue import SCORES\n"
        "print(users_suite.mine.identity, *(find_score(name).identity for name in SCORES))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", command, str(tmp_path)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")  # the second one reads the compiled module
    }
    assert len(said) == 1
    assert built(SOURCE).identity == said.pop().split()[0]


@pytest.mark.parametrize(
    "changed",
    [
        replace(exact_match, version=9),
        replace(exact_match, better="lower"),
        replace(exact_match, kind="bounded"),
        replace(exact_match, bounds=(0, 2), kind="bounded"),
        replace(exact_match, needs=frozenset()),
        replace(exact_match, reads_truncated=True),
        replace(exact_match, libraries=("numpy",)),
        exact_match.extracting(boxed),
        replace(exact_match.extracting(boxed), name="exact match"),
    ],
)
def test_every_setting_counts(changed):
    assert changed.identity != exact_match.identity


def test_the_settings_of_an_extractor_and_of_a_convention_count():
    assert exact_match.extracting(boxed).identity != exact_match.extracting(last_number).identity
    small, large = (iou(qwen2_5_vl(max_pixels=pixels)) for pixels in (10**6, 10**7))
    assert len({small.identity, large.identity, iou(PIXELS).identity}) == 3


def test_it_is_found_once():
    mine = score(name="mine", needs=())(lambda case: 1)
    assert mine.identity is mine.identity
    assert len(mine.identity) == 32


def test_circles_end():
    ring: list[object] = [1]
    ring.append(ring)

    def even(number):
        return number == 0 or odd(number - 1)

    def odd(number):
        return number != 0 and even(number - 1)

    assert code_digest(ring) == code_digest(ring)
    assert code_digest(even) != code_digest(odd)


def test_equal_values_are_equal_whatever_their_order_and_sharing():
    pair = tuple(sorted({1, 2}))
    assert code_digest([pair, pair]) == code_digest([pair, tuple(sorted({1, 2}))])
    assert code_digest({"a", "b", "c"}) == code_digest({"c", "b", "a"})
    assert code_digest([1, 2]) != code_digest([2, 1])
    assert code_digest(1) != code_digest(True) != code_digest("1")
    assert code_digest(["a", ["b"]]) != code_digest([["a"], "b"])
