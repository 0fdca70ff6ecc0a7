"""The HTML report: complete, escaped, self-contained, and standing when evidence is broken."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.report.evidence import PICTURED, EvidenceFolder, Flip
from pytest_vlm.report.html import render_page, render_section
from pytest_vlm.report.html_forest import LEFT, RIGHT, Scale, forest_plot
from pytest_vlm.report.html_pictures import tag_lines
from pytest_vlm.report.model import (
    AbsenceRecord,
    CandidateVerdict,
    CheckpointSummary,
    ClaimRecord,
    EventRecord,
    GoldenMeasure,
    GoldenRecord,
    MemoryRecord,
    RunReport,
    SpeedRecord,
)
from pytest_vlm.stats.compare import compare

EVIL = "<script>alert(\"1\")</script><img src=http://evil.example/x onerror='alert(1)'>&\u202e\x00"
GIB = 2**30
BROKEN = {
    "no json": "{",
    "deep": "[" * 100_000,
    "list": "[1]",
    "other": '{"flips": [3]}',
    "types": '{"flips": [{"tags": 3, "targets": {}, "lost": 1, "image": 4}], "golden": 5}',
}

SCRIPT = files("pytest_vlm.report").joinpath("goldens.js").read_text("utf-8")

Render = Callable[[RunReport, Path], str]


class Reader(HTMLParser):
    """What a browser would make of the markup: elements, attributes and visible text."""

    VOID = frozenset({"meta", "img", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def images(self) -> list[str]:
        return [attrs.get("src") or "" for tag, attrs in self.elements if tag == "img"]


def picture(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).resize((64, 64)).save(buffer, format="PNG")
    return buffer.getvalue()


def heatmap(seed: int = 0) -> Heatmap:
    values = np.random.default_rng(seed).random((4, 4)) ** 3
    return Heatmap.of_grid(values, size=(64, 64), method="attention")


def sample(number: int = 0, **fields: object) -> Sample:
    given: dict[str, object] = {
        "id": f"digit-{number}",
        "image": picture(number),
        "query": "Which digit is top left?",
        "targets": ("7", "seven"),
        "tags": ("which",),
    }
    return Sample.ask(**{**given, **fields})  # type: ignore[arg-type]


def flip(number: int, *, lost: bool, **fields: object) -> Flip:
    answers = ("7", "1") if lost else ("1", "7")
    return Flip(
        sample=sample(number, **fields),
        lost=lost,
        baseline_answer=answers[0],
        candidate_answer=answers[1],
        baseline_value=float(lost),
        candidate_value=float(not lost),
    )


def write_flips(folder: Path, flips: list[Flip], claim: str = "claim") -> str:
    def maps(samples: object) -> tuple[list[Heatmap], list[Heatmap]]:
        count = len(samples)  # type: ignore[arg-type]
        return [heatmap(i) for i in range(count)], [heatmap(100 + i) for i in range(count)]

    return EvidenceFolder(folder).write_flips(claim, flips, maps)


def claim(
    n: int = 200, lost: int = 2, won: int = 3, both: int = 180, **fields: object
) -> ClaimRecord:
    a = np.array([1] * both + [1] * lost + [0] * won + [0] * (n - both - lost - won))
    b = np.array([1] * both + [0] * lost + [1] * won + [0] * (n - both - lost - won))
    result = compare(baseline=a, candidate=b, claim="not_worse", margin=0.05)
    given: dict[str, object] = {
        "id": "claim",
        "test": "suites/test_answers.py::test_answers_hold",
        "candidate": "B",
        "baseline": "A",
        "score": "exact_match",
        "claim": "not_worse",
        "verdict": result.verdict,
        "sentence": str(result),
        "result": result.to_json(),
    }
    return ClaimRecord(**{**given, **fields})  # type: ignore[arg-type]


def golden(folder: Path, **fields: object) -> GoldenRecord:
    evidence = EvidenceFolder(folder).write_golden(
        "golden", sample(1), golden=heatmap(1), baseline=heatmap(2), candidate=heatmap(3)
    )
    given: dict[str, object] = {
        "test": "t",
        "candidate": "B",
        "golden": "test_maps/seven-top-left",
        "verdict": "fail",
        "sentence": "Not the accepted map: correlation 0.5.",
        "measures": (
            GoldenMeasure(name="correlation", value=0.5, limit=0.994),
            GoldenMeasure(name="largest deviation", value=0.75, limit=0.3, better="lower"),
        ),
        "evidence": evidence,
    }
    return GoldenRecord(**{**given, **fields})  # type: ignore[arg-type]


def accept(id: str, candidate: str, report: str = "vlm-report") -> str:
    words = ["python", "-m", "pytest_vlm", "accept", report, id, "--candidate", candidate]
    return shlex.join(words)


def run(*records: object, **fields: object) -> RunReport:
    given: dict[str, object] = {
        "command": "pytest suites --checkpoint A --checkpoint B",
        "created": "2026-03-01 12:00 UTC",
        "samples": "200 samples from digits.jsonl",
        "versions": {"torch": "2.13.0"},
        "checkpoints": (CheckpointSummary(name="A", source="runs/a"),),
        "verdicts": (
            CandidateVerdict(candidate="B", baseline="A", verdict="SHIP", reasons=("all good",)),
        ),
        "records": records,
    }
    return RunReport(**{**given, **fields})  # type: ignore[arg-type]


@pytest.fixture(params=[render_section, render_page], ids=["section", "page"])
def render(request: pytest.FixtureRequest) -> Render:
    renderer: Render = request.param
    return renderer


def hostile(folder: Path) -> RunReport:
    """Every string that a model, a dataset or a command line can choose is hostile."""
    flips = [
        Flip(
            sample=sample(i, id=f"{EVIL}{i}", query=EVIL, targets=(EVIL,), tags=(EVIL,)),
            lost=i % 2 == 0,
            baseline_answer=EVIL,
            candidate_answer=EVIL * 200,
            baseline_value=1.0,
            candidate_value=0.0,
        )
        for i in range(2 * PICTURED + 6)
    ]
    evidence = write_flips(folder, flips)
    return run(
        claim(
            candidate=EVIL,
            baseline=EVIL,
            test=EVIL,
            score=EVIL,
            claim=EVIL,
            verdict=EVIL,
            sentence=EVIL,
            warnings=(EVIL,),
            unusable={EVIL: {EVIL: 3}},
            evidence=evidence,
        ),
        golden(folder, candidate=EVIL, golden=EVIL, sentence=EVIL, test=EVIL, variant=EVIL),
        golden(folder, candidate=EVIL, golden=EVIL, accept=accept(EVIL, EVIL)),
        golden(folder, candidate=EVIL, golden=EVIL, accept=f"'{EVIL}", evidence=""),
        golden(folder, candidate=EVIL, golden=EVIL, verdict="pass", variant=EVIL),
        golden(folder, candidate=EVIL, golden=EVIL, sentence=EVIL, verdict=EVIL, evidence=EVIL),
        MemoryRecord(test=EVIL, checkpoint=EVIL, device=EVIL, bytes=1, limit=2, within=True),
        SpeedRecord(checkpoint=EVIL, samples=1, seconds=1.0, new_tokens=1, visual_tokens=1),
        AbsenceRecord(test=EVIL, checkpoint=EVIL, reason=EVIL),
        EventRecord(checkpoint=EVIL, event=EVIL),
        command=EVIL,
        created=EVIL,
        samples=EVIL,
        versions={EVIL: EVIL},
        checkpoints=(
            CheckpointSummary(
                name=EVIL, source=EVIL, architecture=EVIL, dtypes=(EVIL,), fingerprint=EVIL
            ),
        ),
        verdicts=(
            CandidateVerdict(candidate=EVIL, baseline=EVIL, verdict="HOLD", reasons=(EVIL,)),
        ),
    )


def test_hostile_text_never_becomes_markup(render: Render, tmp_path: Path) -> None:
    text = render(hostile(tmp_path), tmp_path)
    read = Reader(text)
    scripts = re.findall(r"<script.*?</script>", text, flags=re.DOTALL)
    assert scripts == ([f"<script>{SCRIPT}</script>"] if render is render_page else [])
    assert not any(key.startswith("on") for _, attrs in read.elements for key in attrs)
    assert all(source.startswith("data:image/png;base64,") for source in read.images())
    assert len(read.images()) > 3 * PICTURED
    assert read.unbalanced == [] and read.open == []
    assert "\x00" not in text and text.count("<script") == len(scripts)
    assert "<bdi>" not in read.text, "our own markup is not shown as text"
    assert read.text.count('<script>alert("1")</script>') > 50


@pytest.mark.parametrize("lone", ["\ud800", "a\udfffb"])
def test_what_is_no_unicode_can_still_be_written(tmp_path: Path, lone: str) -> None:
    text = render_page(run(EventRecord(checkpoint="B", event=lone)), tmp_path)
    assert "\N{REPLACEMENT CHARACTER}" in text
    text.encode("utf-8")


def test_page_forbids_everything_but_its_own_styles_and_embedded_pictures(tmp_path: Path) -> None:
    text = render_page(run(claim()), tmp_path)
    assert text.startswith("<!doctype html>")
    read = Reader(text)
    metas = [attrs for tag, attrs in read.elements if tag == "meta"]
    assert metas[0] == {"charset": "utf-8"}
    assert metas[1]["http-equiv"] == "Content-Security-Policy"
    policy = metas[1]["content"] or ""
    assert "default-src 'none'" in policy and "img-src data:" in policy
    assert "unsafe" not in policy and "script-src" not in policy
    styles = re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    assert len(styles) == 2
    for style in styles:
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not any("style" in attrs for _, attrs in read.elements), "the policy would drop it"


def test_a_page_with_goldens_lets_in_their_script_by_its_digest_and_nothing_else(
    tmp_path: Path,
) -> None:
    text = render_page(run(golden(tmp_path)), tmp_path)
    (script,) = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in text.replace("&#x27;", "'")
    assert "<script" not in render_section(run(golden(tmp_path)), tmp_path)


def test_nothing_is_loaded_from_elsewhere(render: Render, tmp_path: Path) -> None:
    flips = [flip(1, lost=True)]
    report = run(claim(evidence=write_flips(tmp_path, flips)), golden(tmp_path))
    text = render(report, tmp_path)
    assert "http:" not in text and "https:" not in text and "@import" not in text
    assert "url(" not in text
    for _, attrs in Reader(text).elements:
        assert (attrs.get("href") or "#").startswith("#")
        assert (attrs.get("src") or "data:").startswith("data:")


def test_section_keeps_its_style_to_itself() -> None:
    text = render_section(run(), Path("nowhere"))
    assert text.startswith('<section class="vlm-report"')
    assert "prefers-color-scheme" not in text, "light, because the page around it may be white"
    style = text.partition("<style>")[2].partition("</style>")[0]
    bare = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    selectors = [s for block in re.findall(r"([^{}]+)\{", bare) for s in block.split(",")]
    outside = [s.strip() for s in selectors if "@media" not in s and "prefers" not in s]
    assert outside and all(s.startswith(".vlm-report") for s in outside)


@pytest.mark.parametrize("verdict", ["SHIP", "HOLD", "INCONCLUSIVE", "PARTIAL"])
def test_every_candidate_has_a_banner_with_word_and_icon(tmp_path: Path, verdict: str) -> None:
    verdicts = tuple(
        CandidateVerdict(candidate=name, baseline="A", verdict=verdict, reasons=(f"why {name}",))  # type: ignore[arg-type]
        for name in ("B", "C")
    )
    read = Reader(render_page(run(verdicts=verdicts), tmp_path))
    assert read.text.count(verdict) == 2 + 2, "the banners and the title"
    assert "why B" in read.text and "why C" in read.text
    assert sum("banner" in (attrs.get("class") or "") for _, attrs in read.elements) == 2
    assert sum(tag == "svg" for tag, _ in read.elements) == 2
    assert "200 samples from digits.jsonl" in read.text


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [((2, 3), "pass"), ((18, 1), "fail"), ((9, 4), "inconclusive")],
)
def test_a_claim_row_has_numbers_plot_verdict_and_sentence(
    tmp_path: Path, counts: tuple[int, int], verdict: str
) -> None:
    lost, won = counts
    record = claim(lost=lost, won=won, warnings=("only 12 clusters",), unusable={"A": {"empty": 4}})
    assert record.verdict == verdict
    read = Reader(render_section(run(record), tmp_path))
    assert record.sentence in read.text
    for words in (
        verdict,
        f"{lost} / {won}",
        "of n = 200",
        "not worse, margin 5 points",
        "A: 4 empty",
    ):
        assert words in read.text
    assert "only 12 clusters" in read.text
    plots = [attrs for tag, attrs in read.elements if tag == "svg" and "forest" in attrs["class"]]  # type: ignore[operator]
    assert len(plots) == 1 and "margin \N{MINUS SIGN}5.0" in (plots[0]["aria-label"] or "")


def test_a_claim_without_a_comparison_has_no_plot(tmp_path: Path) -> None:
    record = claim(result={}, verdict="inconclusive", sentence="Not shown: 3 samples.")
    text = render_section(run(record), tmp_path)
    assert "nothing was compared" in text and 'class="forest' not in text


def test_numbers_without_a_claim_have_no_margin(tmp_path: Path) -> None:
    text = render_section(run(claim(claim="", verdict="reported")), tmp_path)
    assert "reported, nothing claimed" in text
    assert 'class="margin"' not in text and 'class="zone"' not in text


@pytest.mark.parametrize(
    ("claimed", "lines", "zones"),
    [("not_worse", 1, 1), ("no_regression", 1, 1), ("better", 1, 1), ("equivalent", 2, 2)],
)
def test_the_plot_shows_where_a_claim_does_not_hold(claimed: str, lines: int, zones: int) -> None:
    record = claim(claim=claimed)
    plot = forest_plot(record, Scale.of([record]))
    assert plot.count('class="margin"') == lines and plot.count('class="zone"') == zones


def test_all_plots_share_one_scale_and_stay_in_their_frame() -> None:
    records = [claim(), claim(lost=60, won=0, both=100)]
    scale = Scale.of(records)
    for record in records:
        for value in (*record.result["ci"], -0.05, 0.0):
            assert LEFT <= scale.x(value) <= RIGHT
    assert scale.x(-0.05) < scale.x(0.0)


def test_an_interval_that_is_not_finite_is_not_drawn() -> None:
    record = claim()
    broken = replace(record, result={**record.result, "ci": [float("nan"), 1.0]})
    assert forest_plot(broken, Scale.of([broken, record])) == ""


def test_a_golden_shows_four_pictures_and_how_to_accept(tmp_path: Path) -> None:
    folder = tmp_path / "my report"
    command = accept("test_maps/seven-top-left", "B", str(folder))
    read = Reader(render_section(run(golden(folder, accept=command)), folder))
    assert len(read.images()) == 1 + 4, "what was asked about, and the four"
    assert command in read.text
    assert "0.5000" in read.text and "0.7500" in read.text


@pytest.mark.parametrize(("verdict", "asked"), [("pass", 0), ("accepted", 0), ("missing", 1)])
def test_only_a_golden_that_does_not_hold_asks_to_be_accepted(
    tmp_path: Path, verdict: str, asked: int
) -> None:
    command = "python -m pytest_vlm accept x" if verdict == "missing" else ""
    text = render_section(run(golden(tmp_path, verdict=verdict, accept=command)), tmp_path)
    assert text.count("pytest_vlm accept") == asked


def test_a_golden_that_was_never_accepted_says_so(tmp_path: Path) -> None:
    evidence = EvidenceFolder(tmp_path).write_golden(
        "new", sample(), golden=None, baseline=None, candidate=heatmap()
    )
    read = Reader(render_section(run(golden(tmp_path, evidence=evidence)), tmp_path))
    assert len(read.images()) == 2, "what was asked about, and the new one"
    assert "none accepted yet" in read.text and "picture missing" not in read.text


def test_losses_come_first_and_the_right_answer_is_marked(tmp_path: Path) -> None:
    flips = [flip(1, lost=False), flip(2, lost=True)]
    read = Reader(render_section(run(claim(evidence=write_flips(tmp_path, flips))), tmp_path))
    assert read.text.index("digit-2") < read.text.index("digit-1")
    assert len(read.images()) == 6
    lost, won = read.text.split("1 won")
    assert re.search(r"A7\s*right.*B1\s*wrong", lost)
    assert re.search(r"A1\s*wrong.*B7\s*right", won)
    anchors = {attrs.get("id") for _, attrs in read.elements}
    links = {attrs["href"] for tag, attrs in read.elements if tag == "a"}
    assert links == {"#vlm-flips-1"} and "vlm-flips-1" in anchors


def test_a_right_answer_from_the_wrong_place_is_not_called_wrong(tmp_path: Path) -> None:
    evidence = write_flips(tmp_path, [flip(2, lost=True)])
    read = Reader(render_section(run(claim(evidence=evidence, of_maps=True)), tmp_path))
    assert re.search(r"A7\s*right place.*B1\s*wrong place", read.text)
    assert "only A looks at the right place" in read.text
    assert read.text.count("right places") == 1


def test_flips_without_pictures_are_a_table(tmp_path: Path) -> None:
    flips = [flip(i, lost=True) for i in range(PICTURED + 5)]
    read = Reader(render_section(run(claim(evidence=write_flips(tmp_path, flips))), tmp_path))
    assert f"{PICTURED + 5} lost" in read.text and "5 more without pictures" in read.text
    assert f"digit-{PICTURED + 4}" in read.text
    assert len(read.images()) == 3 * PICTURED


def test_a_long_answer_is_whole_on_demand_and_clipped_in_a_table(tmp_path: Path) -> None:
    long = "word " * 2000
    flips = [replace(flip(i, lost=True), candidate_answer=long) for i in range(PICTURED + 1)]
    text = render_section(run(claim(evidence=write_flips(tmp_path, flips))), tmp_path)
    assert text.count(long) == PICTURED
    assert "all 10,000 characters" in text and "… (10,000 characters)" in text


def test_an_empty_answer_is_said_to_be_empty(tmp_path: Path) -> None:
    flips = [replace(flip(1, lost=True), candidate_answer="  ")]
    assert "(empty)" in render_section(run(claim(evidence=write_flips(tmp_path, flips))), tmp_path)


@pytest.mark.parametrize("damage", ["gone", "no pictures", "truncated", *BROKEN])
def test_broken_evidence_does_not_break_the_report(
    render: Render, tmp_path: Path, damage: str
) -> None:
    evidence = write_flips(tmp_path, [flip(1, lost=True)])
    record = golden(tmp_path)
    for name in (evidence, record.evidence):
        file = tmp_path / name
        if damage == "gone":
            file.unlink()
        elif damage in BROKEN:
            file.write_text(BROKEN[damage])
        for image in file.parent.glob("*.png"):
            if damage == "no pictures":
                image.unlink()
            elif damage == "truncated":
                image.write_bytes(image.read_bytes()[:-40])
    read = Reader(render(run(claim(evidence=evidence), record), tmp_path))
    assert "picture missing" in read.text
    assert read.images() == []
    assert "exact_match" in read.text and "test_maps/seven-top-left" in read.text


def test_evidence_is_read_from_the_run_folder_only(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    write_flips(tmp_path, [flip(1, lost=True)], "outside")
    outside = next(tmp_path.glob("evidence/*/flips.json"))
    inside = folder / "evidence" / "x" / "flips.json"
    inside.parent.mkdir(parents=True)
    inside.write_text(
        outside.read_text().replace("00-", f"../../../evidence/{outside.parent.name}/00-")
    )
    for evidence in (str(outside), f"../{outside.relative_to(tmp_path)}", "evidence/x/flips.json"):
        assert Reader(render_section(run(claim(evidence=evidence)), folder)).images() == []


def test_tags_that_most_losses_share_are_named() -> None:
    losses = [{"lost": True, "tags": ["largest"] + ["blank"] * (i < 2)} for i in range(9)]
    losses += [{"lost": True, "tags": []}, {"lost": True, "tags": ["which"]}]
    wins = [{"lost": False, "tags": ["all"]} for _ in range(20)]
    assert tag_lines([*losses, *wins]) == ["9 of 11 losses are tagged largest"]
    assert tag_lines(wins) == [] and tag_lines([]) == []


def test_what_was_not_measured_is_never_zero(tmp_path: Path) -> None:
    def memory(**fields: object) -> MemoryRecord:
        given: dict[str, object] = {"test": "t", "checkpoint": "B", "device": "mps"}
        return MemoryRecord(**{**given, **fields})  # type: ignore[arg-type]

    text = render_section(run(memory(bytes=None, limit=None, within=True)), tmp_path)
    assert "not measured" in text and "no limit" in text and "0 B" not in text
    text = render_section(run(memory(bytes=None, limit=GIB, within=False)), tmp_path)
    assert "not measured" in text and "not shown" in text and "within" not in text
    text = render_section(run(memory(bytes=3 * GIB // 2, limit=GIB, within=False)), tmp_path)
    assert "1.5 GiB" in text and "over the limit (150" in text
    text = render_section(run(memory(bytes=GIB // 2, limit=GIB, within=True)), tmp_path)
    assert "512.0 MiB" in text and "within (50" in text


def test_speed_adds_up_by_checkpoint(tmp_path: Path) -> None:
    records = [
        SpeedRecord(checkpoint="A", samples=30, seconds=2.0, new_tokens=90, visual_tokens=480),
        SpeedRecord(checkpoint="A", samples=10, seconds=3.0, new_tokens=10, visual_tokens=160),
        SpeedRecord(
            checkpoint="B", samples=0, seconds=0.0, new_tokens=0, visual_tokens=960, reused=60
        ),
    ]
    text = render_section(run(*records), tmp_path)
    speed = text.partition('id="vlm-speed"')[2].partition("</section>")[0]
    cells = re.findall(r'<td class="number">(.*?)</td>', speed)
    assert cells == [
        *["40", "0", "8.0", "20.0", "16.0"],
        *["0", "60", "not measured"],
        *["not measured", "16.0"],
    ]
    assert "Reported, not gated" in text


def test_absences_events_checkpoints_versions_and_command(tmp_path: Path) -> None:
    summary = CheckpointSummary(
        name="A",
        source="/very/long/path/to/runs/a",
        architecture="Qwen3VL",
        parameters=123456,
        bytes=2 * 2**20,
        dtypes=("bfloat16",),
        fingerprint="0123456789abcdef0123",
    )
    report = run(
        AbsenceRecord(test="t", checkpoint="B", reason="no sample carries a region"),
        EventRecord(checkpoint="B", event="batch halved to 8"),
        checkpoints=(summary,),
    )
    read = Reader(render_section(report, tmp_path))
    for words in (
        "no sample carries a region",
        "batch halved to 8",
        "Qwen3VL",
        "123,456",
        "2.0 MiB",
        "bfloat16",
        "0123456789ab",
        "baseline",
        "2.13.0",
        report.command,
    ):
        assert words in read.text
    assert "0123456789abcdef" not in read.text, "the fingerprint is short"


def test_parts_without_content_are_left_out(tmp_path: Path) -> None:
    text = render_section(run(checkpoints=(), versions={}, command=""), tmp_path)
    assert re.findall(r"<h2>", text) == ["<h2>"], "only the banner has a heading"
    assert "<table" not in text and 'class="part"' not in text
