"""``golden("name").check_image(picture)``: green on the accepted picture, else red and pending."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.accepting.signature import Signature
from pytest_vlm.golden.asked import AskedGoldens
from pytest_vlm.golden.case import GoldenCase
from pytest_vlm.golden.golden import Provenance
from pytest_vlm.golden.images import check as image_check
from pytest_vlm.golden.images import source as image_source
from pytest_vlm.golden.images.check import ImageCheck
from pytest_vlm.golden.images.tolerance import ImageTolerance
from pytest_vlm.golden.storage.store import GoldenStore
from pytest_vlm.golden.storage.variants import Variant, accept
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.model import GoldenRecord

ID = "test_x/page"
ORIGIN = Provenance(checkpoint="B", fingerprint="f" * 32, device="cpu", dtype="float32")

MakeCheck = Callable[..., ImageCheck]


def image(seed: int = 0, size: tuple[int, int] = (64, 48)) -> Image.Image:
    width, height = size
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


def changed(at: tuple[int, int] = (5, 7)) -> Image.Image:
    other = image()
    red, green, blue = other.getpixel(at)
    other.putpixel(at, (red ^ 128, green, blue))
    return other


def png(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.fixture
def records() -> list[GoldenRecord]:
    return []


@pytest.fixture
def check(tmp_path, records) -> MakeCheck:
    def make(*, origin: Provenance = ORIGIN, **settings: object) -> ImageCheck:
        case = GoldenCase(
            id=ID,
            test="suites/test_x.py::test_x[B]",
            candidate="B",
            accepted=GoldenStore(tmp_path / "goldens"),
            report=tmp_path / "report",
            accepting=False,
            variant=Variant.of(origin),
            record=records.append,
        )
        return ImageCheck(
            case=replace(case, **settings),
            provenance=lambda: origin,
            evidence=EvidenceFolder(tmp_path / "report"),
        )

    return make


@pytest.fixture
def accepted(check) -> GoldenStore:
    check(accepting=True).check(image())
    return check().case.accepted


def pictures(tmp_path: Path, record: GoldenRecord) -> dict[str, Path]:
    path = tmp_path / "report" / record.evidence
    content = json.loads(path.read_text("utf-8"))
    return {key: path.parent / name for key, name in content.items()}


def test_a_missing_golden_is_red_and_left_pending(check, records, tmp_path):
    with pytest.raises(AssertionError) as raised:
        check().check(image())
    assert "golden test_x/page, B: No golden was accepted yet" in str(raised.value)
    assert f"accept {tmp_path / 'report'} {ID} --candidate B" in str(raised.value)
    (record,) = records
    assert (record.verdict, record.subject, record.golden) == ("missing", "image", ID)
    pending = check().case.pending.load(ID)
    assert pending is not None
    assert (pending.subject, pending.heatmap) == ("image", None)
    with Image.open(io.BytesIO(pending.picture)) as kept:
        assert kept.tobytes() == image().tobytes()
    assert pending.provenance == ORIGIN
    assert check().case.accepted.ids() == []
    assert set(pictures(tmp_path, record)) == {"candidate"}


def test_what_was_left_pending_is_green_once_accepted(check, records):
    with pytest.raises(AssertionError):
        check().check(image())
    case = check().case
    accept(case.accepted, case.pending.load(ID), Signature(who="me", when="now", why="right"))
    check().check(image())
    record = records[-1]
    assert (record.verdict, record.variant, record.accept) == ("pass", "cpu float32", "")
    assert [measure.value for measure in record.measures] == [0, 0, 0]
    assert record.evidence == ""


@pytest.mark.parametrize("form", ["image", "bytes", "path", "text", "encoded otherwise"])
def test_the_accepted_picture_passes_in_every_form(check, accepted, records, tmp_path, form):
    path = tmp_path / "shot.png"
    path.write_bytes(png(image()))
    forms = {
        "image": image(),
        "bytes": path.read_bytes(),
        "path": path,
        "text": str(path),
        "encoded otherwise": png(image(), compress_level=0),
    }
    check().check(forms[form])
    assert records[-1].verdict == "pass"


def test_one_changed_pixel_is_red_and_left_pending(check, accepted, records, tmp_path):
    before = accepted.load(ID)
    with pytest.raises(AssertionError) as raised:
        check().check(changed())
    words = "golden test_x/page, B: Not the accepted picture: 1 of 3,072 pixels differ"
    assert words in str(raised.value)
    assert "if the new picture is right: python -m pytest_vlm accept" in str(raised.value)
    record = records[-1]
    assert (record.verdict, record.variant) == ("fail", "cpu float32")
    assert [measure.value for measure in record.measures] == [1 / 3072, 1, 128]
    assert check().case.pending.ids() == [ID]
    assert accepted.load(ID) == before
    shown = pictures(tmp_path, record)
    assert set(shown) == {"golden", "candidate", "difference"}
    sizes = set()
    for path in shown.values():
        with Image.open(path) as drawn:
            sizes.add(drawn.size)
    assert len(sizes) == 1


def test_a_pass_encodes_decodes_and_draws_nothing(check, accepted, records, tmp_path, monkeypatch):
    content = accepted.load(ID).picture
    left = sorted((tmp_path / "report").rglob("*"))

    def never(*arguments: object, **options: object) -> None:
        raise AssertionError("a pass has nothing to show")

    monkeypatch.setattr(image_source, "_encoded", never)
    monkeypatch.setattr(image_check, "review_pictures", never)
    check().check(image())
    monkeypatch.setattr(image_source, "Pixels", never)
    monkeypatch.setattr(image_check, "Pixels", never)
    check().check(content)
    assert [record.verdict for record in records[-2:]] == ["pass", "pass"]
    assert sorted((tmp_path / "report").rglob("*")) == left


def test_the_tolerance_is_the_tests_own(check, accepted):
    check().check(changed(), tolerance=ImageTolerance(level=128))
    check().check(changed(), tolerance=ImageTolerance(share=0.001, region=1))
    with pytest.raises(AssertionError):
        check().check(changed(), tolerance=ImageTolerance(share=0.001))
    with pytest.raises(GoldenError, match="'loose' is none of exact, screenshot"):
        check().check(changed(), tolerance="loose")
    check().check(image(), tolerance="screenshot")


def test_what_is_ignored_does_not_count(check, accepted, records):
    check().check(changed(), ignore=[(5, 7, 6, 8)])
    assert records[-1].sentence == "Every pixel that is compared is as accepted."
    with pytest.raises(AssertionError):
        check().check(changed(), ignore=[(6, 7, 9, 9)])
    with pytest.raises(GoldenError, match="outside the golden, which is 64x48 px"):
        check().check(accepted.load(ID).picture, ignore=[(64, 0, 70, 9)])


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (image().convert("L"), "the golden is 8-bit RGB, this picture 8-bit grey"),
        (image().convert("RGBA"), "the golden is 8-bit RGB, this picture 8-bit RGB with alpha"),
        (image().convert("P"), "the golden is 8-bit RGB, this picture palette"),
        (image(size=(64, 49)), "the golden is 64x48 px, this picture 64x49 px"),
        (image(size=(1, 1)), "the golden is 64x48 px, this picture 1x1 px"),
    ],
)
def test_another_mode_or_size_is_red_under_every_tolerance(check, accepted, records, other, words):
    for tolerance in ("exact", "screenshot", ImageTolerance(level=255, share=1, region=64)):
        with pytest.raises(AssertionError, match=words):
            check().check(other, tolerance=tolerance)
    assert records[-1].verdict == "fail"
    assert records[-1].evidence


def test_the_accept_flag_takes_the_picture_and_shows_what_it_replaced(
    check, accepted, records, tmp_path
):
    with pytest.raises(AssertionError):
        check().check(changed())
    check(accepting=True).check(changed())
    assert records[-1].verdict == "accepted"
    assert set(pictures(tmp_path, records[-1])) == {"golden", "candidate", "difference"}
    assert check().case.pending.ids() == []
    golden = accepted.load(ID)
    assert golden.provenance.reason == "--vlm-accept-goldens"
    assert golden.provenance.replaced is not None
    check().check(changed())


@pytest.mark.parametrize(
    "broken",
    [b"", b"GIF89a", png(image())[:-2000], png(image(), save_all=True, append_images=[image(1)])],
    ids=["empty", "other format", "cut", "animated"],
)
@pytest.mark.parametrize("flag", [False, True])
def test_a_broken_picture_is_neither_passed_nor_kept(check, broken, flag, tmp_path):
    with pytest.raises(GoldenError, match="this picture cannot be checked"):
        check(accepting=flag).check(broken)
    assert check().case.accepted.ids() == check().case.pending.ids() == []


def test_a_damaged_golden_is_no_pass(check, accepted):
    path = accepted.folder / f"{ID}.png"
    path.write_bytes(png(changed()))
    with pytest.raises(GoldenError, match="cannot be read"):
        check().check(changed())


def test_a_golden_that_decodes_no_more_names_its_file(check, accepted):
    golden = accepted.load(ID)
    accepted.save(replace(golden, picture=golden.picture[:300]))
    with pytest.raises(GoldenError, match=r"page cannot be read: page\.png: it cannot be decoded"):
        check().check(image())


def test_a_golden_of_a_map_is_no_picture(check, make_golden):
    check().case.accepted.save(make_golden(ID))
    with pytest.raises(GoldenError, match="give it another name"):
        check().check(image())


def test_any_variant_may_match_and_the_nearest_is_reported(check, accepted, records):
    elsewhere = replace(ORIGIN, device="cuda:0", dtype="bfloat16")
    check(origin=elsewhere, accepting=True).check(image(1))
    third = replace(ORIGIN, device="mps", dtype="float16")
    check(origin=third).check(image(1))
    assert records[-1].variant == "cuda bfloat16"
    with pytest.raises(AssertionError):
        check(origin=third).check(changed())
    assert records[-1].variant == "cpu float32"
    with pytest.raises(AssertionError):  # the run's own variant alone decides where it exists
        check().check(image(1))


def test_of_two_that_match_the_nearest_is_reported(check, accepted, records):
    elsewhere = replace(ORIGIN, device="cuda:0", dtype="bfloat16")
    check(origin=elsewhere, accepting=True).check(changed())
    third = replace(ORIGIN, device="mps", dtype="float16")
    room = ImageTolerance(share=1, region=64)
    for picture, variant in ((changed(), "cuda bfloat16"), (image(), "cpu float32")):
        check(origin=third).check(picture, tolerance=room)
        assert records[-1].variant == variant


def test_a_match_forgets_what_an_earlier_run_left_pending(check, accepted):
    with pytest.raises(AssertionError):
        check().check(changed())
    check().check(image())
    assert check().case.pending.ids() == []


def test_one_test_checks_one_picture_under_one_name(check, accepted):
    asked = AskedGoldens()

    def claim(id: str, test: str, digest: str) -> None:
        asked.claim("B", id, test, digest)

    check(claim=claim).check(image())
    check(claim=claim).check(image())
    with pytest.raises(GoldenError, match="checks two different things"):
        check(claim=claim).check(changed())


def test_a_picture_that_was_made_otherwise_than_asked_says_so(check, accepted, records):
    check(degraded=lambda: "batch size 4 instead of 16").check(image())
    assert records[-1].sentence.endswith(" Degraded: batch size 4 instead of 16.")


@pytest.mark.parametrize("accepting", [False, True])
def test_a_box_that_cannot_be_meant_is_refused_before_there_is_a_golden(check, tmp_path, accepting):
    with pytest.raises(GoldenError, match="is empty or outside"):
        check(accepting=accepting).check(image(), ignore=[(5, 5, 2, 2)])
    assert not list(tmp_path.rglob("page.*"))


@pytest.mark.parametrize("form", [image(), png(image()), png(image(), compress_level=0)])
def test_accepting_the_accepted_picture_is_a_match_with_nothing_to_show(
    check, accepted, records, form
):
    check(accepting=True).check(form)
    assert (records[-1].verdict, records[-1].evidence) == ("pass", "")
    check(accepting=True).check(changed())
    assert records[-1].verdict == "accepted"
