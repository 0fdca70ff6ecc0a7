"""``golden("name").check(map)``: green on the accepted map, red with a pending one otherwise."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.golden.accepting.pending import pending_store
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.asked import AskedGoldens
from pytest_vlm.golden.case import GoldenCase
from pytest_vlm.golden.check import GoldenCheck
from pytest_vlm.golden.golden import map_digest
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.golden.storage.variants import Variant, accept
from pytest_vlm.golden.tolerance import Tolerance
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.report.evidence import EvidenceFolder

ID = "test_x/seven"
SIGNATURE = Signature(who="Ada", when="2026-11-21T15:00:00+00:00", why="looked at it")
MEASURES = {"Pearson", "smoothed Pearson", "largest deviation", "peak displacement", "scale ratio"}


@pytest.fixture
def records():
    return []


@pytest.fixture
def shown():
    """Maps beside which the baseline's was asked for."""
    return []


@pytest.fixture
def checker(tmp_path, heatmap, provenance, records, shown):
    def make(**changes: object) -> GoldenCheck:
        case = GoldenCase(
            id=ID,
            test="suites/test_x.py::test_x[B]",
            candidate="B",
            accepted=GoldenStore(tmp_path / "goldens"),
            report=tmp_path / "report",
            accepting=False,
            variant=Variant("cpu", "float32"),
            record=records.append,
        )

        def baseline_map(one: Heatmap) -> Heatmap:
            shown.append(one)
            return heatmap

        return GoldenCheck(
            case=replace(case, **changes),
            provenance=lambda one: (
                provenance
                if one is None
                else replace(provenance, sample_id=one.sample.id, sample_digest=one.sample.digest)
            ),
            baseline_map=baseline_map,
            remake=lambda sample, method, run: replace(
                heatmap, sample=sample, method=method or "attention"
            ),
            evidence=EvidenceFolder(tmp_path / "report"),
        )

    return make


@pytest.fixture
def pending(tmp_path) -> GoldenStore:
    return pending_store(tmp_path / "report", "B")


@pytest.fixture
def accepted(checker, make_golden) -> GoldenStore:
    store = checker().case.accepted
    accept(store, make_golden(ID), SIGNATURE)
    return store


def mirrored(heatmap: Heatmap) -> Heatmap:
    return replace(heatmap, values=np.ascontiguousarray(heatmap.values[::-1]))


def noisy(heatmap: Heatmap) -> Heatmap:
    return replace(heatmap, values=heatmap.values * np.float32(1.001) + np.float32(0.001))


def test_the_accepted_map_passes_and_leaves_nothing_behind(
    checker, accepted, heatmap, records, pending, shown, tmp_path
):
    checker().check(heatmap)
    (record,) = records
    assert (record.verdict, record.golden, record.candidate) == ("pass", ID, "B")
    assert {measure.name: measure.value for measure in record.measures} == {
        **dict.fromkeys(MEASURES, 0),
        **dict.fromkeys(("Pearson", "smoothed Pearson", "scale ratio"), 1),
    }
    assert (record.variant, record.subject) == ("cpu float32", "map")
    assert (record.evidence, record.accept) == ("", "")
    assert pending.ids() == []
    assert shown == []
    assert not (tmp_path / "report").exists()


def test_a_map_within_the_tolerance_passes_and_says_how_near(checker, accepted, heatmap, records):
    assert map_digest(noisy(heatmap)) != map_digest(heatmap)
    checker().check(noisy(heatmap))
    (record,) = records
    assert record.verdict == "pass"
    assert record.sentence.startswith("The accepted map: Pearson 1.0000 (limit 0.994)")
    assert {measure.name for measure in record.measures} == MEASURES
    assert (record.measures[0].name, record.measures[0].limit) == ("Pearson", 0.994)


def test_a_missing_golden_is_red_and_left_pending(checker, heatmap, records, tmp_path, pending):
    with pytest.raises(AssertionError) as raised:
        checker().check(heatmap)
    command = f"python -m pytest_vlm accept {tmp_path / 'report'} {ID} --candidate B"
    assert "No golden was accepted yet" in str(raised.value)
    assert command in str(raised.value)
    assert (records[0].verdict, records[0].accept) == ("missing", checker().case.next_step)
    assert checker().case.accepted.ids() == []
    left = pending.load(ID)
    assert left is not None
    assert map_digest(left.heatmap) == map_digest(heatmap)
    assert left.provenance.accepted == ""


def test_what_was_left_pending_is_green_once_it_is_accepted(checker, heatmap, pending):
    with pytest.raises(AssertionError):
        checker().check(heatmap)
    accept(checker().case.accepted, pending.load(ID), SIGNATURE)
    checker().check(heatmap)


def test_another_map_is_red_and_left_pending(checker, accepted, heatmap, records, pending):
    with pytest.raises(AssertionError, match=r"golden test_x/seven, B: Not the accepted map"):
        checker().check(mirrored(heatmap))
    assert records[0].verdict == "fail"
    assert records[0].measures[0].value < 0.9
    assert pending.ids() == [ID]
    kept = accepted.load(ID)
    assert kept is not None
    assert map_digest(kept.heatmap) == map_digest(heatmap)


def test_the_tolerance_is_the_tests_own(checker, accepted, heatmap):
    checker().check(mirrored(heatmap), tolerance=Tolerance(pearson=-1, max_deviation=9))
    checker().check(heatmap, tolerance="tolerant")
    with pytest.raises(GoldenError, match="'loose' is none of"):
        checker().check(heatmap, tolerance="loose")


def test_the_answer_to_another_sample_never_matches(checker, accepted, heatmap, picture, records):
    other = Sample.ask(id="0007", image=picture(seed=1), query="Which digit?")
    with pytest.raises(AssertionError, match=r"it was accepted for another sample \('0007'"):
        checker().check(replace(heatmap, sample=other))
    assert records[0].verdict == "fail"


def test_a_map_of_unknown_origin_is_refused(checker, accepted, heatmap, records):
    with pytest.raises(GoldenError, match="found NoneType; a picture is for check_image"):
        checker().check(None)
    with pytest.raises(GoldenError, match="does not say whose answer it explains"):
        checker().check(replace(heatmap, sample=None))
    assert records == []


def test_the_accept_flag_takes_the_map_as_it_is(checker, accepted, heatmap, records, pending):
    with pytest.raises(AssertionError):
        checker().check(mirrored(heatmap))
    checker(accepting=True).check(mirrored(heatmap))
    assert records[-1].verdict == "accepted"
    golden = accepted.load(ID)
    assert golden is not None
    assert map_digest(golden.heatmap) == map_digest(mirrored(heatmap))
    origin = golden.provenance
    assert origin.accepted > SIGNATURE.when
    assert origin.accepted_by
    assert origin.reason == "--vlm-accept-goldens"
    assert origin.replaced is not None
    assert origin.replaced.digest == map_digest(heatmap)
    assert pending.ids() == []
    checker().check(mirrored(heatmap))


def test_accepting_what_was_accepted_changes_nothing(checker, accepted, heatmap, records):
    before = accepted.load(ID).provenance
    checker(accepting=True).check(heatmap)
    checker(accepting=True).check(heatmap)
    after = accepted.load(ID).provenance
    assert (before.reason, after.reason) == ("looked at it", "--vlm-accept-goldens")
    checker(accepting=True).check(mirrored(heatmap))
    assert [(one.verdict, bool(one.evidence)) for one in records] == [
        ("pass", False),
        ("pass", False),
        ("accepted", True),
    ]


@pytest.mark.parametrize("suffix", [".json", ".npz", ".png"])
def test_a_damaged_golden_is_no_pass(checker, accepted, heatmap, suffix):
    path = accepted.folder / f"{ID}{suffix}"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(GoldenError, match="cannot be read"):
        checker().check(heatmap)


def test_evidence_shows_golden_baseline_candidate_and_difference(
    checker, accepted, heatmap, records, tmp_path
):
    with pytest.raises(AssertionError):
        checker().check(mirrored(heatmap))
    folder = (tmp_path / "report" / records[0].evidence).parent
    drawn = {path.stem for path in folder.glob("*.png")}
    assert drawn == {"image", "golden", "baseline", "candidate", "difference"}


def test_a_match_forgets_what_an_earlier_run_left_pending(checker, accepted, heatmap, pending):
    with pytest.raises(AssertionError):
        checker().check(mirrored(heatmap))
    checker().check(heatmap)
    assert pending.ids() == []


def test_a_map_that_was_made_otherwise_than_asked_says_so(checker, heatmap, records):
    degraded = "answered with batch size 4 instead of 16 after B ran out of memory on cpu"
    checker(accepting=True, degraded=lambda: degraded).check(heatmap)
    checker(degraded=lambda: degraded).check(heatmap)
    said = f" Degraded: {degraded}."
    assert [record.sentence.endswith(said) for record in records] == [True, True]
    reason = checker().case.accepted.load(ID).provenance.reason
    assert reason == f"--vlm-accept-goldens; {degraded}"


def test_the_variant_of_this_device_decides_alone(
    checker, accepted, heatmap, provenance, make_golden, records
):
    other = replace(provenance, device="cuda:0", dtype="bfloat16")
    accept(accepted, make_golden(ID, heatmap=mirrored(heatmap), provenance=other), SIGNATURE)
    cuda = Variant("cuda", "bfloat16")
    checker().check(heatmap)
    checker(variant=cuda).check(mirrored(heatmap))
    assert [record.variant for record in records] == ["cpu float32", "cuda bfloat16"]
    with pytest.raises(AssertionError):
        checker(variant=cuda).check(heatmap)


def test_on_another_device_any_variant_may_match_and_the_nearest_is_told(
    checker, accepted, heatmap, provenance, make_golden, records
):
    other = replace(provenance, device="cuda:0", dtype="bfloat16")
    accept(accepted, make_golden(ID, heatmap=mirrored(heatmap), provenance=other), SIGNATURE)
    third = checker(variant=Variant("xpu", "float16"))
    third.check(heatmap)
    third.check(noisy(mirrored(heatmap)))
    with pytest.raises(AssertionError):
        third.check(replace(heatmap, values=np.roll(mirrored(heatmap).values, 1)))
    assert [record.variant for record in records[:2]] == ["cpu float32", "cuda bfloat16"]


def test_a_golden_of_an_image_is_no_map(checker, accepted, make_golden, heatmap):
    accepted.save(make_golden(ID, heatmap=None))
    with pytest.raises(GoldenError, match="is of an image, and this test checks a map"):
        checker().check(heatmap)


def test_an_id_that_differs_in_upper_case_alone_is_refused_by_name(checker, accepted, heatmap):
    with pytest.raises(GoldenError, match=r"'Seven' is no name for a golden: .* has 'seven'"):
        checker(id="test_x/Seven").check(heatmap)


def test_an_id_that_is_no_name_is_refused_before_any_map_is_made(checker):
    with pytest.raises(GoldenError, match="no name for a golden"):
        checker(id="test_x/../seven")


def test_one_id_belongs_to_one_test_and_one_map(checker, accepted, heatmap):
    def claim(id: str, test: str, digest: str) -> None:
        asked.claim("B", id, test, digest)

    asked = AskedGoldens()
    checker(claim=claim).check(heatmap)
    checker(claim=claim).check(heatmap)
    with pytest.raises(GoldenError, match="two tests have the golden"):
        checker(claim=claim, test="suites/test_x.py::test_x[B-2]").check(heatmap)
    with pytest.raises(GoldenError, match="two different things"):
        checker(claim=claim).check(noisy(heatmap))


def test_a_picture_is_checked_under_the_same_id(checker, picture, records, pending):
    with pytest.raises(AssertionError, match="No golden was accepted yet"):
        checker().check_image(picture())
    assert records[0].subject == "image"
    accept(checker().case.accepted, pending.load(ID), SIGNATURE)
    checker().check_image(picture())
    with pytest.raises(AssertionError, match=re.escape(f"golden {ID}, B: ")):
        checker().check_image(picture(seed=1))


def test_calibrating_never_passes_and_changes_nothing(
    checker, accepted, sample, records, pending, tmp_path
):
    before = {path: path.read_bytes() for path in accepted.folder.rglob("*.*")}
    with pytest.raises(AssertionError, match="Calibrated over 3 runs, not checked") as raised:
        checker().calibrate(sample, runs=3)
    assert 'tolerance="strict"' in str(raised.value)
    assert "worst against the golden" in str(raised.value)
    assert {path: path.read_bytes() for path in accepted.folder.rglob("*.*")} == before
    assert not (tmp_path / "report").exists()
    (record,) = records
    assert (record.verdict, record.accept) == ("fail", "")
    assert record.sentence in str(raised.value)
    assert {measure.name for measure in record.measures} == MEASURES


def test_calibrating_works_before_there_is_a_golden(checker, sample):
    with pytest.raises(AssertionError, match="Calibrated over 2 runs"):
        checker().calibrate(sample, runs=2)
    with pytest.raises(GoldenError, match="it takes at least 2"):
        checker().calibrate(sample, runs=1)


@pytest.mark.parametrize("name", ["seven~cpu", "seven~cuda-bfloat16", "seven~"])
def test_a_variant_is_not_named_by_a_test(checker, name):
    with pytest.raises(GoldenError, match=f"'{name}' is no name for a golden: what follows '~'"):
        checker(id=f"test_x/{name}")


@pytest.mark.parametrize(("accepting", "folder"), [(True, "goldens"), (False, "report/pending/B")])
def test_a_folder_that_takes_no_golden_is_named(checker, heatmap, tmp_path, accepting, folder):
    test, _, name = ID.partition("/")
    (tmp_path / folder / test / f".{name}.json.part").mkdir(parents=True)
    with pytest.raises(GoldenError, match=f"^{ID}: .*{folder} cannot be written to"):
        checker(accepting=accepting).check(heatmap)
