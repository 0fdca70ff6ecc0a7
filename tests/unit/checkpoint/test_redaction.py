"""Secrets do not come along."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.redaction import redact

TOKEN = "hf_" + "aB3" * 11
KEY = "aB3" * 16


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
        ("the header said Bearer abc.def", "the header said Bearer ***"),
        ("-H 'Authorization: Basic dTpw'", "-H 'Authorization: Basic ***'"),
        ('{"Authorization": "abc"}', '{"Authorization": "***"}'),
        ("https://me:p@ss@host/v1#model", "https://***@host/v1#model"),
        ("--checkpoint https://me:secret@host/v1#m", "--checkpoint https://***@host/v1#m"),
        ("--checkpoint='B=http://h/v1?token=abc'", "--checkpoint='B=http://h/v1?token=***'"),
        ("http://h/f?X-Amz-Signature=abc&sig=abc", "http://h/f?X-Amz-Signature=***&sig=***"),
        ("HF_TOKEN=abc pytest suites", "HF_TOKEN=*** pytest suites"),
        ("env 'OPENAI_API_KEY=abc'", "env 'OPENAI_API_KEY=***'"),
        ("pytest --api-key abc --hub-token=abc", "pytest --api-key *** --hub-token=***"),
        (f"mine_{TOKEN}x.jsonl", "mine_***.jsonl"),
        (f"with sk-{KEY}.", "with ***."),
        (f"sk-proj-a_b-{KEY}_c-d", "***"),
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
        "runs/sk-learn-baseline-of-november-with-a-long-name",
        "pytest suites -k tokens --vlm-max-new-tokens 64 --token-count --checkpoint A=x",
        "key=runs/last",
        "the bearers of monkey=3",
    ],
)
def test_the_rest_stays_as_it_is(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece", ["sk-", "hf_", "a.", "https://", "--token ", "a:", "?token=", "Authorization: ", "A_"]
)
def test_long_hostile_texts_end(piece):
    text = piece * (50_000 // len(piece))
    assert redact(redact(text)) == redact(text)
