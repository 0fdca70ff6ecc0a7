"""``http://host/v1#model?weights=FOLDER``: what a server serves, for maps that are made here."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.errors import SettingsError

SERVED = "B=http://host:8000/v1#org/model"


def test_maps_are_made_by_the_served_weights():
    spec = parse_checkpoint(f"{SERVED}?weights=path/to/model&dtype=float32")
    assert (spec.on_server, spec.weights, spec.source) == (
        True,
        "path/to/model",
        "http://host:8000/v1#org/model",
    )
    maker = spec.explained_by
    assert (maker.name, maker.source, maker.load) == ("B", "path/to/model", spec.load)
    assert not maker.on_server
    assert maker.explained_by is maker


def test_others_explain_themselves():
    for text in ("A=path", SERVED):
        spec = parse_checkpoint(text)
        assert spec.explained_by is spec


def test_a_hub_id_has_its_revision_and_a_delta_its_base():
    spec = parse_checkpoint(f"{SERVED}?weights=org/model@v2&base=org/base&trust_remote_code=yes")
    maker = spec.explained_by
    assert (maker.source, maker.revision) == ("org/model", "v2")
    assert (maker.base, maker.trust_remote_code) == ("org/base", True)


def test_the_argument_leads_back():
    spec = parse_checkpoint(f"{SERVED}?weights=path/to model@v2")
    assert parse_checkpoint(spec.argument()) == spec


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=path?weights=other", "weights are what a server's model is explained with"),
        (f"{SERVED}?weights=", r"write \?weights=path/to/weights"),
        (f"{SERVED}?weights=http://other/v1", "weights is a folder or a hub id"),
        (f"{SERVED}?base=path", "base is for files"),
        (f"{SERVED}?weights=a&weights=b", "weights is given twice"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(SettingsError, match=said):
        parse_checkpoint(text)
