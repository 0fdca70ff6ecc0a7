"""``golden("name").check(map)``: green on the accepted map, red with a pending one otherwise."""

from __future__ import annotations

import shlex
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.errors import GoldenError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.accept import pending_store
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.golden.comparison import Tolerance
from pytest_vlm.golden.store import GoldenStore
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.report.evidence import EvidenceFolder

ID = "test_x/seven"


@pytest.fixture
def records():
    return []


@pytest.fixture
def checker(tmp_path, heatmap, provenance, records):
    def make(*, accept: bool = False) -> GoldenCheck:
        return GoldenCheck(
            id=ID,
            test="suites/test_x.py::test_x[B]",
            candidate="B",
            accepted=GoldenStore(tmp_path / "goldens"),
            report=tmp_path / "report",
            accept=accept,
            provenance=lambda heatmap: replace(
                provenance,
                sample_id=heatmap.sample.id,
                sample_digest=heatmap.sample.digest,
            ),
            baseline_map=lambda sample: heatmap,
            evidence=EvidenceFolder(tmp_path / "report"),
            record=records.append,
        )

    return make


@pytest.fixture
def pending(tmp_path) -> GoldenStore:
    return pending_store(tmp_path / "report", "B")


@pytest.fixture
def accepted(checker, make_golden):
    checker().accepted.save(make_golden(ID))
    return checker().accepted


def mirrored(heatmap: Heatmap) -> Heatmap:
    return replace(heatmap, values=np.ascontiguousarray(heatmap.values[::-1]))


def test_the_accepted_map_passes_and_leaves_nothing_pending(
    checker, accepted, heatmap, records, pending
):
    checker().check(heatmap)
    (record,) = records
    assert (record.verdict, record.golden, record.candidate) == ("pass", ID, "B")
    assert [measure.value for measure in record.measures] == [1, 0]
    assert pending.ids() == []


def test_a_missing_golden_is_red_and_left_pending(checker, heatmap, records, tmp_path, pending):
    with pytest.raises(AssertionError) as raised:
        checker().check(heatmap)
    command = f"python -m pytest_vlm accept {tmp_path / 'report'} {ID} --candidate B"
    assert "No golden was accepted yet" in str(raised.value)
    assert command in str(raised.value)
    assert records[0].verdict == "missing"
    assert checker().accepted.ids() == []
    pending = pending.load(ID)
    assert pending is not None
    assert pending.heatmap.values.tolist() == heatmap.values.tolist()
    assert pending.provenance.accepted == ""


def test_the_command_in_the_message_makes_the_test_green(checker, heatmap, tmp_path):
    with pytest.raises(AssertionError) as raised:
        checker().check(heatmap)
    _, _, arguments = str(raised.value).partition("python -m pytest_vlm ")
    assert main([*shlex.split(arguments), "--goldens", str(tmp_path / "goldens")]) == 0
    checker().check(heatmap)


def test_another_map_is_red_and_left_pending(checker, accepted, heatmap, records, pending):
    with pytest.raises(AssertionError, match=r"golden test_x/seven, B: Not the accepted map"):
        checker().check(mirrored(heatmap))
    assert records[0].verdict == "fail"
    assert records[0].measures[0].value < 0.9
    assert pending.ids() == [ID]
    kept = accepted.load(ID)
    assert kept is not None
    assert kept.heatmap.values.tolist() == heatmap.values.tolist()


def test_the_tolerance_is_the_tests_own(checker, accepted, heatmap):
    checker().check(mirrored(heatmap), tolerance=Tolerance(pearson=-1, max_deviation=9))


def test_the_answer_to_another_sample_never_matches(checker, accepted, heatmap, picture, records):
    other = Sample.ask(id="0007", image=picture(seed=1), query="Which digit?")
    with pytest.raises(AssertionError, match=r"it was accepted for another sample \('0007'"):
        checker().check(replace(heatmap, sample=other))
    assert records[0].verdict == "fail"


def test_a_map_of_unknown_origin_is_refused(checker, accepted, heatmap, records):
    with pytest.raises(GoldenError, match="does not say whose answer it explains"):
        checker().check(replace(heatmap, sample=None))
    assert records == []


def test_the_accept_flag_takes_the_map_as_it_is(checker, accepted, heatmap, records, pending):
    checker(accept=True).check(mirrored(heatmap))
    assert records[0].verdict == "accepted"
    golden = accepted.load(ID)
    assert golden is not None
    assert golden.heatmap.values.tolist() == mirrored(heatmap).values.tolist()
    assert golden.provenance.accepted
    assert golden.provenance.reason == "--vlm-accept-goldens"
    assert pending.ids() == []
    checker().check(mirrored(heatmap))


def test_a_damaged_golden_is_no_pass(checker, accepted, heatmap):
    (accepted.folder / f"{ID}.json").unlink()
    with pytest.raises(GoldenError, match="cannot be read"):
        checker().check(heatmap)


def test_evidence_shows_golden_baseline_candidate_and_difference(
    checker, accepted, heatmap, records, tmp_path
):
    checker().check(heatmap)
    folder = (tmp_path / "report" / records[0].evidence).parent
    shown = {path.stem for path in folder.glob("*.png")}
    assert shown == {"image", "golden", "baseline", "candidate", "difference"}


def test_a_match_forgets_what_an_earlier_run_left_pending(checker, accepted, heatmap, pending):
    with pytest.raises(AssertionError):
        checker().check(mirrored(heatmap))
    checker().check(heatmap)
    assert pending.ids() == []


def test_a_map_that_was_made_otherwise_than_asked_says_so(checker, heatmap, records):
    degraded = "answered with batch size 4 instead of 16 after B ran out of memory on cpu"
    asked = checker(accept=True)
    replace(asked, degraded=lambda: degraded).check(heatmap)
    replace(asked, accept=False, degraded=lambda: degraded).check(heatmap)
    assert all(record.sentence.endswith(f" Degraded: {degraded}.") for record in records)
    reason = asked.accepted.load(ID).provenance.reason
    assert reason == f"--vlm-accept-goldens; {degraded}"
