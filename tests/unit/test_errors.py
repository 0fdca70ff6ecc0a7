"""The tree of exceptions that is drawn is the one that is there."""

from __future__ import annotations

import inspect
import re

import pytest

from pytest_vlm import errors

DRAWN = re.compile(r"^ {4}([ │├└─]*)(\w+)(?: \((\w+)\))? *", re.M)


def drawn_bases() -> dict[str, set[str]]:
    """Class name to the names of its bases, read from the drawing."""
    assert errors.__doc__ is not None
    bases: dict[str, set[str]] = {}
    above: dict[int, str] = {}
    for indent, name, further in DRAWN.findall(errors.__doc__):
        above[len(indent)] = name
        parents = [depth for depth in above if depth < len(indent)]
        root = "AssertionError" if name == "AssertionError" else "Exception"
        bases[name] = {above[max(parents)] if parents else root} | ({further} - {""})
        above = {depth: known for depth, known in above.items() if depth <= len(indent)}
    return bases


def test_the_drawing_is_the_tree():
    classes = {
        name: {base.__name__ for base in kind.__bases__}
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }
    drawn = drawn_bases()
    assert drawn.pop("AssertionError")
    assert drawn == classes


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_a_claim_that_is_not_shown_says_how_it_ended(verdict):
    error = errors.ClaimNotShown("the sentence", verdict=verdict)
    assert (str(error), error.verdict) == ("the sentence", verdict)
