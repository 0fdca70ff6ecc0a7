"""Records as a run would make them, with numbers that are written down here."""

from __future__ import annotations

from typing import Any

from pytest_vlm.report.model import CandidateVerdict, ClaimRecord, RunReport

EVIL = "<script>alert(\"1\")</script><img src=http://evil.example/x onerror='alert(1)'>&\u202e\x00"


def result(**fields: Any) -> dict[str, Any]:
    """Of a binary score: 2 lost and 3 won of 200."""
    given = {
        "claim": "not_worse",
        "verdict": "pass",
        "kind": "binary",
        "better": "higher",
        "estimate": 0.005,
        "ci": [-0.017, 0.028],
        "confidence_level": 0.9,
        "p_value": 0.00098,
        "margin": 0.05,
        "alpha": 0.05,
        "baseline_mean": 0.91,
        "candidate_mean": 0.915,
        "n": 200,
        "b": 2,
        "c": 3,
        "odds_ratio": 1.5,
    }
    return {**given, **fields}


def early(**fields: Any) -> dict[str, Any]:
    """Stopped early, after 320 of 2,000 samples."""
    given = {
        "path": [[0, 0.0, 0.0], [160, 1.5, -0.7], [320, 3.2, -1.4]],
        "n_used": 320,
        "n_planned": 2000,
        "stopped_at": 320,
        "e_value": 24.53,
        "target": "population",
    }
    return result(**{**given, **fields})


def claim(**fields: Any) -> ClaimRecord:
    """Not worse."""
    given: dict[str, Any] = {
        "id": "claim",
        "test": "suites/test_answers.py::test_answers_hold",
        "candidate": "B",
        "baseline": "A",
        "score": "exact_match",
        "claim": "not_worse",
        "verdict": "pass",
        "sentence": "Not worse.",
        "result": result(),
    }
    return ClaimRecord(**{**given, **fields})


def one_slice(**fields: Any) -> dict[str, Any]:
    """A tag that stands out."""
    given = {
        "kind": "tag",
        "name": "counting",
        "n": 40,
        "losses": 9,
        "wins": 3,
        "p_adjusted": 0.0024,
        "sentence": "9 of 11 losses are tagged counting, though only 40 of 200 samples are",
    }
    return {**given, **fields}


def attempt(number: int, **fields: Any) -> dict[str, Any]:
    """A row of the ledger, one a day."""
    given = {
        "when": f"2026-10-{number + 2:02d}T08:00:00+00:00",
        "dataset": "d",
        "samples": 2000,
        "baseline": "a",
        "candidate": f"candidate-{number}",
        "candidate_name": "B",
        "verdict": "SHIP" if number in (1, 4, 8) else "HOLD",
    }
    return {**given, **fields}


FAMILY = {"claims": 10, "candidates": 2, "alpha": 0.05, "regressions": 5, "pass_rate": 0.59}


def report(*records: ClaimRecord, **fields: Any) -> RunReport:
    """A run that ships."""
    verdict = CandidateVerdict(
        candidate="B",
        baseline="A",
        verdict="SHIP",
        reasons=(),
        family=fields.pop("family", {}),
    )
    given: dict[str, Any] = {
        "command": "pytest suites",
        "created": "2026-11-21 12:00 UTC",
        "samples": "2000 samples of digits.jsonl",
        "versions": {},
        "checkpoints": (),
        "verdicts": (verdict,),
        "records": records,
    }
    return RunReport(**{**given, **fields})
