"""What of a golden is shown: cards for what needs a person, a table for what passes."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.html_exhibit import PNG_END, PNG_START
from pytest_vlm.report.html_golden_pictures import GoldenPictures
from pytest_vlm.report.html_goldens import LISTED, OPENED, AcceptWords, goldens_part
from pytest_vlm.report.model import CandidateVerdict, GoldenMeasure, GoldenRecord, RunReport

HOSTILE = (
    "x; rm -rf ~",
    "a'b",
    'a"b',
    "$(touch here)",
    "`touch here`",
    "-- --all",
    "a\nb",
    "a\\",
    "!!",
    "</script><script>alert(1)</script>",
)


def accept(id: str, candidate: str = "B", *more: str) -> str:
    words = ["python", "-m", "pytest_vlm", "accept", "my report", id, "--candidate", candidate]
    return shlex.join([*words, *more])


def golden(**fields: object) -> GoldenRecord:
    given: dict[str, object] = {
        "test": "t",
        "candidate": "B",
        "golden": "test_maps/seven",
        "verdict": "fail",
        "sentence": "Not the accepted map.",
        "measures": (GoldenMeasure(name="correlation", value=0.5, limit=0.994),),
    }
    return GoldenRecord(**{**given, **fields})  # type: ignore[arg-type]


def passing(number: int, **fields: object) -> GoldenRecord:
    measure = GoldenMeasure(name="correlation", value=0.9962, limit=0.994)
    given = {"golden": f"test_maps/{number}", "verdict": "pass", "measures": (measure,)}
    return golden(**{**given, **fields})


def section(folder: Path, *records: GoldenRecord) -> str:
    verdict = CandidateVerdict(candidate="B", baseline="A", verdict="HOLD", reasons=())
    report = RunReport(
        command="",
        created="",
        samples="",
        versions={},
        checkpoints=(),
        verdicts=(verdict,),
        records=records,
    )
    return goldens_part(report, folder)


def with_maps(folder: Path, picture: bytes, **kept: bool) -> str:
    values = np.random.default_rng(0).random((3, 4, 4))
    maps = [Heatmap.of_grid(one, size=(64, 64), method="attention") for one in values]
    names = ("golden", "baseline", "candidate")
    return EvidenceFolder(folder).write_golden(
        "g",
        Sample.ask(id="s", image=picture, query="Where?"),
        **{key: one if kept.get(key, True) else None for key, one in zip(names, maps, strict=True)},
    )


def captions(text: str) -> list[str]:
    found = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    return [re.sub(r"<.*?>", "", caption) for caption in found]


@pytest.mark.parametrize("id", HOSTILE)
@pytest.mark.parametrize("candidate", HOSTILE)
def test_what_surrounds_an_id_is_one_command_whatever_the_names(id, candidate):
    words = AcceptWords.of(golden(golden=id, accept=accept(id, candidate, "--goldens", "my g")))
    assert words is not None
    command = shlex.split(f"{words.before} {words.id} {words.id} {words.after}")
    assert command == [
        *["python", "-m", "pytest_vlm", "accept", "my report", id, id],
        *["--candidate", candidate, "--goldens", "my g"],
    ]


@pytest.mark.parametrize("command", ["", "'", "accept", "accept here", "accept here other/id"])
def test_a_command_that_does_not_name_the_golden_stays_as_it_is(tmp_path, command):
    record = golden(accept=command)
    assert AcceptWords.of(record) is None
    text = section(tmp_path, record)
    assert "data-id" not in text and "vlm-command" not in text
    assert command in unescape(text)
    assert 'class="alone"' not in text


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text_in_every_place(tmp_path, picture, name):
    evidence = with_maps(tmp_path, picture())
    records = [
        golden(golden=name, candidate=name, variant=name, accept=accept(name, name), evidence=e)
        for e in ("", evidence)
    ]
    text = section(tmp_path, *records, passing(1, golden=name, candidate=name, variant=name))
    assert "<script" not in text
    assert set(re.findall(r"<(\w+)", text)) <= {
        *("section", "h2", "p", "div", "label", "input", "button", "article", "header", "h3"),
        *("bdi", "span", "svg", "path", "dl", "dt", "dd", "title", "rect", "details", "summary"),
        *("figure", "img", "figcaption", "code", "table", "thead", "tbody", "tr", "th", "td"),
    }


def test_what_fails_comes_first_and_what_passes_has_no_picture(tmp_path):
    verdicts = ("accepted", "pass", "missing", "fail", "pass")
    records = [golden(verdict=v, golden=f"t/{v}{i}") for i, v in enumerate(verdicts)]
    text = section(tmp_path, *records)
    order = [text.index(f"<bdi>t/{name}</bdi>") for name in ("fail3", "missing2", "accepted0")]
    assert order == sorted(order)
    assert text.count("<article") == 3
    assert "5 checked: " in text and "1 fail, 1 missing, 1 accepted, 2 pass" in text
    table = text.partition('class="passing"')[2]
    assert "t/pass1" in table and "t/pass4" in table and "<figure" not in table


def test_candidates_of_one_golden_stand_beside_each_other(tmp_path):
    records = [golden(candidate=c, golden=f"t/{n}") for c in ("B", "C") for n in ("b", "a")]
    text = section(tmp_path, *records, golden(verdict="missing", golden="t/b"))
    cards = re.findall(r"<h3><bdi>t/(.)</bdi></h3>.*?<p><bdi>(.)</bdi>", text, re.DOTALL)
    assert cards == [("b", "B"), ("b", "C"), ("a", "B"), ("a", "C"), ("b", "B")]


def test_which_of_several_pictures_is_shown_is_said(tmp_path, picture):
    asked = Sample.ask(id="s", image=picture(), query="Where?")
    both = replace(asked.messages[0], parts=(asked.messages[0].parts[0], *asked.messages[0].parts))
    maps = dict.fromkeys(("golden", "baseline"), None)
    for sample, said in ((asked, False), (replace(asked, messages=(both,)), True)):
        heatmap = Heatmap.of_grid(np.ones((2, 2)), size=(64, 64), method="m", media=int(said))
        evidence = EvidenceFolder(tmp_path).write_golden("g", sample, candidate=heatmap, **maps)
        text = section(tmp_path, golden(verdict="missing", evidence=evidence))
        assert ("image 2 of 2" in text) is said
        assert "image 1 of" not in text


def test_goldens_that_all_pass_need_no_controls(tmp_path):
    text = section(tmp_path, *(passing(i) for i in range(3)))
    assert "<input" not in text and "<button" not in text and "<article" not in text
    assert text.count("0.9962, limit 0.994") == 3


def test_a_filter_is_offered_where_it_hides_something(tmp_path):
    assert "vlm-failed" not in section(tmp_path, golden(), golden(verdict="missing"))
    assert "failed only (1)" in section(tmp_path, golden(), passing(1))
    assert "failed only (1)" in section(tmp_path, golden(), golden(verdict="accepted"))
    assert "vlm-failed" not in section(tmp_path, golden(verdict="accepted"), passing(1))


def test_many_goldens_start_with_the_first_ones_open(tmp_path, picture):
    evidence = with_maps(tmp_path, picture())
    text = section(tmp_path, *(golden(evidence=evidence) for _ in range(OPENED + 5)))
    assert text.count('<details class="pictured" open>') == OPENED
    assert text.count('<details class="pictured">') == 5
    for count, opened in ((LISTED, True), (LISTED + 1, False)):
        text = section(tmp_path, *(passing(i) for i in range(count)))
        assert ('<details class="passing" open>' in text) is opened


def test_the_matched_variant_is_named(tmp_path):
    text = section(tmp_path, golden(variant="cuda bfloat16"), passing(1, variant="cpu float32"))
    assert "Compared with the golden of <bdi>cuda bfloat16</bdi>." in text
    assert "<bdi>cpu float32</bdi>" in text.partition("<table")[2]
    assert "golden of" not in section(tmp_path, golden(), passing(1))


def test_a_map_shows_golden_baseline_candidate_and_difference(tmp_path, picture):
    text = section(tmp_path, golden(evidence=with_maps(tmp_path, picture())))
    assert captions(text) == ["golden", "A (baseline)", "B", "difference (red: more, blue: less)"]
    assert text.count('class="layer under small"') == text.count('class="layer over small"') == 1
    assert text.count('type="range"') == 1


def test_without_a_golden_the_baseline_lies_under_the_candidate(tmp_path, picture):
    evidence = with_maps(tmp_path, picture(), golden=False)
    text = section(tmp_path, golden(verdict="missing", evidence=evidence))
    assert captions(text) == ["golden", "A (baseline)", "B"]
    assert "none accepted yet" in text
    assert 'aria-label="A to the left of the line, B to the right"' in text
    text = section(
        tmp_path, golden(evidence=with_maps(tmp_path, picture(), golden=False, baseline=False))
    )
    assert "layer" not in text and 'type="range"' not in text


def test_the_first_golden_replaced_nothing(tmp_path, picture):
    record = golden(verdict="accepted", evidence=with_maps(tmp_path, picture(), golden=False))
    shown = section(tmp_path, record)
    assert captions(shown)[::2] == ["golden", "B, now golden"]
    assert "none before" in shown


def test_what_was_replaced_stays_beside_what_replaced_it(tmp_path, picture):
    record = golden(verdict="accepted", evidence=with_maps(tmp_path, picture()), measures=())
    assert captions(section(tmp_path, record))[::2] == ["golden, replaced", "B, now golden"]


def test_images_are_layered_only_where_their_sizes_agree(tmp_path, picture):
    folder = EvidenceFolder(tmp_path)

    def shown(size: tuple[int, int]) -> str:
        evidence = folder.write_golden_pictures(
            "g", {"golden": picture((64, 32)), "candidate": picture(size)}
        )
        return section(tmp_path, golden(subject="image", evidence=evidence))

    same = shown((64, 32))
    assert [caption.partition(" (")[0] for caption in captions(same)] == [
        "golden",
        "B",
        "difference",
    ]
    assert 'class="layer under small"' in same
    assert 'width="64" height="32"' in same
    assert "layer" not in shown((80, 32)) and "layer" not in shown((64, 31))


def test_a_page_holds_so_many_pictures_and_names_the_folders_of_the_others(
    tmp_path, picture, monkeypatch
):
    evidence = with_maps(tmp_path, picture())
    records = [golden(evidence=evidence, golden=f"t/{number}") for number in range(5)]
    monkeypatch.setattr("pytest_vlm.report.html_goldens.EMBEDDED", 1)
    text = section(tmp_path, *records)
    assert text.count("<img") == 5 and text.count("<article") == 5
    assert text.count(f"beside it in <code>{Path(evidence).parent.as_posix()}</code>") == 4


def test_broken_pictures_are_said_to_be_missing(tmp_path, picture):
    evidence = tmp_path / with_maps(tmp_path, picture())
    (evidence.parent / "golden.png").write_bytes(PNG_START + PNG_END)
    (evidence.parent / "candidate.png").unlink()
    record = golden(evidence=str(evidence.relative_to(tmp_path)))
    assert section(tmp_path, record).count("picture missing") == 2
    assert GoldenPictures.of(record, "A", tmp_path).under is None
