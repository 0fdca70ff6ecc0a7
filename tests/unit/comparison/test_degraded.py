"""Claims of sides that ran out of memory: marked where both fit, not shown where they do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_vlm.comparison.comparison import Comparison
from pytest_vlm.comparison.sides import Side, Sides
from pytest_vlm.comparison.writer import ClaimWriter
from pytest_vlm.errors import ClaimNotShown
from pytest_vlm.evaluation.evaluation import Evaluation
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Message, Sample, Text
from pytest_vlm.memory.ladder import CannotFollow, OutOfMemory
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import ClaimRecord, dump_record, load_record
from pytest_vlm.scores import ScoreValue, exact_match
from pytest_vlm.settings import Settings

SAMPLES = [
    Sample(
        id=f"s{i}",
        messages=(Message(role="user", parts=(Text(text=str(i)),)),),
        targets=(str(i % 7),),
    )
    for i in range(100)
]
HALVED = "answered with batch size 4 instead of 8 after B ran out of memory on cpu"


def evaluate(samples) -> Evaluation:
    return Evaluation(
        predictions=tuple(
            Prediction(
                sample_id=s.id,
                completions=(Completion.parse(s.targets[0], finish_reason="stop", tokens=1),),
            )
            for s in samples
        ),
        values=tuple(ScoreValue(value=float(s.id[-1] != "0")) for s in samples),
    )


@pytest.fixture
def claim(tmp_path) -> Callable[..., tuple[Comparison, list[ClaimRecord]]]:
    def make(degraded: str, candidate=evaluate) -> tuple[Comparison, list[ClaimRecord]]:
        sides = Sides(
            baseline=Side(name="A", evaluate=evaluate),
            candidate=Side(name="B", evaluate=candidate),
            maps=lambda chosen: ([], []),
            degraded=lambda: degraded,
        )
        records: list[ClaimRecord] = []
        comparison = Comparison(
            sides=sides,
            samples=SAMPLES,
            score=exact_match,
            settings=Settings(),
            writer=ClaimWriter(
                new_id=lambda: "id",
                test="test",
                sides=sides,
                score="exact match",
                settings=Settings(),
                evidence=EvidenceFolder(tmp_path),
                record=records.append,
            ),
        )
        return comparison, records

    return make


def test_a_claim_on_a_lower_rung_stands_and_is_marked(claim):
    comparison, records = claim(HALVED)
    with pytest.warns(UserWarning, match=f"exact match: {HALVED}"):
        assert comparison.assert_not_worse(margin=0.2).verdict == "pass"
    [record] = records
    assert (record.verdict, record.degraded) == ("pass", HALVED)
    assert load_record(dump_record(record)).degraded == HALVED


def test_a_claim_as_asked_is_not_marked(claim):
    comparison, records = claim("")
    plain = comparison.assert_not_worse(margin=0.2)
    assert records[0].degraded == ""
    degraded, _ = claim(HALVED)
    with pytest.warns(UserWarning, match="batch size 4"):
        assert degraded.assert_not_worse(margin=0.2) == plain


def raising(error: Exception):
    def refuse(samples):
        raise error

    return refuse


def test_sides_that_cannot_be_asked_alike_show_nothing(claim):
    comparison, records = claim("", raising(CannotFollow("B is on a server")))
    with pytest.raises(ClaimNotShown, match=r"asked alike\. B is on a server") as caught:
        comparison.assert_not_worse(margin=0.2)
    assert caught.value.verdict == records[0].verdict == "inconclusive"
    lenient = replace(comparison, settings=Settings(inconclusive="warn"))
    with pytest.raises(ClaimNotShown):
        lenient.assert_not_worse(margin=0.2)


def test_a_side_that_fits_nowhere_is_an_error(claim):
    comparison, records = claim("", raising(OutOfMemory("B does not fit")))
    with pytest.raises(OutOfMemory):
        comparison.assert_not_worse(margin=0.2)
    assert records == []
