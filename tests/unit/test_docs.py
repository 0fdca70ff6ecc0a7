"""The documentation knows every option, marker, field, fixture and score."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pytest_vlm import fixtures, markers, scores
from pytest_vlm.data.rows import FIELDS

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = (DOCS / "reference.md").read_text("utf-8")


def test_the_table_of_options_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.with_table(REFERENCE) == REFERENCE, "run: python docs/generate.py"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_of_a_sample_is_explained(name):
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, value in vars(fixtures).items()
        if type(value).__name__ == "FixtureFunctionDefinition" and not name.startswith("_")
    ),
)
def test_every_fixture_is_explained(name):
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("marker", markers.MARKERS)
def test_every_marker_is_explained(marker):
    assert f"`{marker.partition('(')[0]}(" in REFERENCE


@pytest.mark.parametrize(
    "name", sorted(n for n, v in vars(scores).items() if isinstance(v, scores.Score))
)
def test_every_score_is_explained(name):
    assert f"`{name}`" in REFERENCE
