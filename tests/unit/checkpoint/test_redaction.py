"""Secrets do not come along."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.redaction import redact

TOKEN = "hf_" + "aB3" * 11


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"B={TOKEN}", "B=***"),
        (f"cannot log in with {TOKEN}!", "cannot log in with ***!"),
        ("https://me:secret@host/v1#model", "https://***@host/v1#model"),
        ("B=https://secret@host/v1", "B=https://***@host/v1"),
        ("http://host/v1?token=abc&dtype=x", "http://host/v1?token=***&dtype=x"),
        ("http://host/v1?a=b&api_key=abc#m", "http://host/v1?a=b&api_key=***#m"),
        ("org/model?hf_token=abc", "org/model?hf_token=***"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
    ],
)
def test_secrets_become_stars(text, expected):
    assert redact(text) == expected
    assert redact(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "A=runs/lr=1e-3/last?dtype=bfloat16",
        "org/model@main",
        "hf_checkpoints/llava_hf_v15",
        "http://host:8000/v1#model",
        "A=tokens=3/x?attention=eager",
        "models:/name/alias",
    ],
)
def test_the_rest_stays_as_it_is(text):
    assert redact(text) == text
