"""The review of goldens as a person meets it: in a browser, with a hand, a key or no script."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import CHROMIUM, QUIET
from PIL import Image

from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import png
from pytest_vlm.report.evidence import EvidenceFolder
from pytest_vlm.report.html import render_page, render_section
from pytest_vlm.report.html_goldens import OPENED
from pytest_vlm.report.model import CandidateVerdict, GoldenMeasure, GoldenRecord, RunReport

WATCH = "addEventListener('securitypolicyviolation', (e) => console.error(e.violatedDirective))"
EVIL = "<script>alert(1)</script><img src=http://evil.example onerror='alert(1)'>"
PICTURE = png(Image.radial_gradient("L").resize((64, 64)).convert("RGB"))
SUITE = """
import pytest
from pytest_vlm.scores import exact_match

@pytest.mark.parametrize("number", range(3))
def test_map(golden, relevance, samples, number):
    golden(f"map-{number}").check(relevance(samples[number]))
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a file; at the end nothing was complained about, and nothing asked for elsewhere."""
    complaints: list[str] = []
    contexts = []

    def open_page(path: Path, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        context.add_init_script(WATCH)
        page = context.new_page()
        page.clock.install()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append("dialog"), dialog.dismiss()))
        page.on("request", lambda request: asked(request.url))
        page.goto(path.as_uri())
        return page

    def asked(url: str) -> None:
        if not url.startswith(("file:", "data:")):
            complaints.append(url)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def accept(id: str, candidate: str, report: str = "vlm-report") -> str:
    words = ["python", "-m", "pytest_vlm", "accept", report, id, "--candidate", candidate]
    return shlex.join(words)


def golden(
    folder: Path, id: str, verdict: str, candidate: str = "B", **fields: Any
) -> GoldenRecord:
    passing = verdict == "pass"
    evidence = ""
    if not passing:
        values = np.random.default_rng(len(id)).random((3, 4, 4))
        names = ("golden", "baseline", "candidate")
        maps: dict[str, Any] = {
            name: Heatmap.of_grid(one, size=(64, 64), method="attention")
            for name, one in zip(names, values, strict=True)
        }
        if verdict == "missing":
            maps["golden"] = None
        sample = Sample.ask(id="s", image=PICTURE, query="Which digit is top left?")
        evidence = EvidenceFolder(folder).write_golden(f"{id} {candidate}", sample, **maps)
    value = 0.9962 if passing else 0.5
    given: dict[str, Any] = {
        "test": "t",
        "candidate": candidate,
        "golden": id,
        "verdict": verdict,
        "sentence": "What was found.",
        "variant": "cuda bfloat16",
        "measures": (GoldenMeasure(name="correlation", value=value, limit=0.994),),
        "evidence": evidence,
        "accept": accept(id, candidate) if verdict in ("fail", "missing") else "",
    }
    return GoldenRecord(**{**given, **fields})


def report(*records: GoldenRecord) -> RunReport:
    names = dict.fromkeys(record.candidate for record in records)
    return RunReport(
        command="pytest suites",
        created="2026-03-01 12:00 UTC",
        samples="3 samples",
        versions={},
        checkpoints=(),
        verdicts=tuple(
            CandidateVerdict(candidate=name, baseline="A", verdict="HOLD", reasons=("a golden",))
            for name in names
        ),
        records=records,
    )


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A page with goldens of every kind."""
    rows = (("t/a", "fail"), ("t/b", "fail"), ("t/new", "missing"), ("t/old", "accepted"))
    records = [golden(tmp_path, id, verdict) for id, verdict in rows]
    records.append(golden(tmp_path, "t/a", "fail", "C"))
    records += [golden(tmp_path, f"t/pass{i}", "pass") for i in range(3)]
    path = tmp_path / "index.html"
    path.write_text(render_page(report(*records), tmp_path), encoding="utf-8")
    return path


def card(page: Any, id: str) -> Any:
    return page.locator(".card.golden").filter(has_text=id).first


def check(page: Any, *ids: str) -> None:
    for id in ids:
        page.get_by_label(f"accept {id}", exact=True).check()


def command(page: Any) -> str:
    text: str = page.locator("#vlm-command").text_content()
    return text


def words(command: str) -> list[list[str]]:
    """What a shell makes of the command, one list for each time that python is called."""
    listing = 'python() { printf "%s\\0" "$@" end; }\n'
    done = subprocess.run(
        ["bash", "-c", listing + command], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    calls = done.stdout.split("end\0")
    return [call.split("\0")[:-1] for call in calls[:-1]]


def at(page: Any, range_: Any) -> tuple[str, str]:
    """Where the slider stands, by its value and by what is cut from the picture."""
    clip = range_.evaluate(
        "(r) => getComputedStyle(r.closest('figure').querySelector('img')).clipPath"
    )
    return range_.input_value(), clip


def test_a_pointer_a_finger_and_the_arrow_keys_move_the_slider(visit, index):
    page = visit(index, has_touch=True)
    page.get_by_label("slider").check()
    frame = card(page, "t/a").locator(".over .frame")
    frame.scroll_into_view_if_needed()
    slider = frame.get_by_role("slider", name="golden to the left of the line, B to the right")
    assert at(page, slider) == ("50", "inset(0px 0px 0px 50%)")
    box = frame.bounding_box()
    middle = box["y"] + box["height"] / 2

    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, middle)
    page.mouse.up()
    assert at(page, slider) == ("25", "inset(0px 0px 0px 25%)")
    assert slider.evaluate("(range) => range === document.activeElement")
    page.mouse.move(box["x"] + 0.9 * box["width"], middle)
    assert slider.input_value() == "25", "a pointer that only passes moves nothing"

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert at(page, slider) == ("26", "inset(0px 0px 0px 26%)")
    page.keyboard.press("End")
    assert at(page, slider) == ("100", "inset(0px 0px 0px 100%)")

    page.touchscreen.tap(box["x"] + 0.75 * box["width"], middle)
    assert at(page, slider) == ("75", "inset(0px 0px 0px 75%)")
    other = card(page, "t/b").get_by_role("slider")
    assert other.input_value() == "50"


def test_the_two_pictures_lie_exactly_over_each_other(visit, index):
    page = visit(index)
    for width in (1280, 420):
        page.set_viewport_size({"width": width, "height": 900})
        for view in ("slider", "blink"):
            page.get_by_label(view).check()
            under, over = (
                card(page, "t/a").locator(f".{layer} img").bounding_box()
                for layer in ("under", "over")
            )
            assert under == over and under["width"] > 200
            assert card(page, "t/a").locator("figure:not(.layer) img").first.is_visible()


@pytest.mark.parametrize("size", [(64, 64), (342, 256), (390, 1600), (1600, 390), (40, 300)])
@pytest.mark.parametrize("width", [1280, 420])
def test_the_slider_is_as_wide_as_the_picture(visit, tmp_path, size, width):
    pictures = dict.fromkeys(("golden", "candidate", "difference"), png(Image.new("RGB", size)))
    evidence = EvidenceFolder(tmp_path).write_golden_pictures("image", pictures)
    record = golden(tmp_path, "t/a", "fail", subject="image", evidence=evidence)
    path = tmp_path / "index.html"
    path.write_text(render_page(report(record), tmp_path), encoding="utf-8")
    page = visit(path, viewport={"width": width, "height": 900})
    for view in ("side by side", "slider"):
        page.get_by_label(view).check()
        frame = card(page, "t/a").locator(".over .frame")
        picture = frame.locator("img").bounding_box()
        assert frame.bounding_box()["width"] == pytest.approx(picture["width"], abs=0.5)
        assert picture["height"] <= 900 * 0.75
        caption = card(page, "t/a").locator(".over figcaption").bounding_box()
        if view == "slider":
            right = caption["x"] + caption["width"]
            assert right == pytest.approx(picture["x"] + picture["width"], abs=1)
        if size != (40, 300):  # too slim to be as wide and as high as it is shown
            ratio = picture["width"] / picture["height"]
            assert ratio == pytest.approx(size[0] / size[1], rel=0.02)


def shown(page: Any) -> list[bool]:
    layers = ("under", "over")
    return [card(page, "t/a").locator(f".{one} img").is_visible() for one in layers]


def test_blinking_alternates_until_it_is_paused(visit, index):
    page = visit(index)
    assert not page.get_by_role("button", name="pause").is_visible()
    page.get_by_label("blink").check()
    assert shown(page) == [True, False]
    seen = []
    for _ in range(4):
        page.clock.run_for(800)
        seen.append(shown(page))
    assert seen == [[False, True], [True, False]] * 2
    page.get_by_role("button", name="pause").click()
    page.clock.run_for(8800)
    assert shown(page) == [True, False]
    page.get_by_role("button", name="swap").click()
    assert shown(page) == [False, True]
    page.get_by_role("button", name="play").click()
    page.clock.run_for(800)
    assert shown(page) == [True, False]
    card(page, "t/a").locator(".under .frame").click()
    page.clock.run_for(8800)
    assert shown(page) == [False, True], "a click on the picture swaps and pauses"
    page.get_by_label("side by side").check()
    assert shown(page) == [True, True]


def test_who_wants_less_motion_starts_paused(visit, index):
    page = visit(index, reduced_motion="reduce")
    page.get_by_label("blink").check()
    page.clock.run_for(8800)
    assert shown(page) == [True, False]
    page.get_by_role("button", name="swap").click()
    assert shown(page) == [False, True]
    page.get_by_role("button", name="play").click()
    page.clock.run_for(800)
    assert shown(page) == [True, False]


def test_the_filter_leaves_what_fails(visit, index):
    page = visit(index)
    cards = page.locator(".card.golden")
    assert [cards.nth(i).is_visible() for i in range(cards.count())] == [True] * 5
    page.get_by_label("failed only (4)").check()
    assert [cards.nth(i).is_visible() for i in range(cards.count())] == [True] * 4 + [False]
    assert not page.get_by_text("t/pass1").is_visible()
    page.get_by_label("failed only (4)").uncheck()
    assert page.get_by_text("t/pass1").is_visible()
    assert page.get_by_text("0.9962, limit 0.994").count() == 3


def test_what_is_checked_becomes_one_command_a_candidate(visit, index):
    page = visit(index)
    panel = page.get_by_role("region", name="accept what is checked")
    assert not panel.is_visible()
    check(page, "t/a of B", "t/new of B")
    assert words(command(page)) == [
        ["-m", "pytest_vlm", "accept", "vlm-report", "t/a", "t/new", "--candidate", "B"]
    ]
    assert panel.get_by_text("2 of 4 checked", exact=True).is_visible()
    every = page.get_by_label("select all")
    assert every.evaluate("(box) => [box.checked, box.indeterminate]") == [False, True]

    every.check()
    both = words(command(page))
    assert [call[-1] for call in both] == ["B", "C"]
    assert [call[4:-2] for call in both] == [["t/a", "t/b", "t/new"], ["t/a"]]
    assert panel.get_by_text("a golden of several candidates becomes the last one's").is_visible()
    assert every.evaluate("(box) => [box.checked, box.indeterminate]") == [True, False]
    every.uncheck()
    assert not panel.is_visible() and command(page) == ""


@pytest.mark.parametrize(
    "reason",
    ["it's right", '"quoted"', "$(touch here)", "`touch here`", "a; rm -rf ~", "--all", "'", "\\"],
)
def test_a_reason_is_one_word_for_the_shell(visit, index, reason):
    page = visit(index)
    check(page, "t/b of B")
    page.get_by_label("reason").fill(f"  {reason} ")
    (call,) = words(command(page))
    assert call[4:] == ["t/b", "--candidate", "B", f"--reason={reason}"]
    page.get_by_label("reason").fill("  ")
    assert "--reason" not in command(page)


def test_names_are_quoted_and_never_run(visit, tmp_path):
    names = ["x; rm -rf ~", "a'b\"c", "$(touch here) `touch here`", EVIL]
    records = [
        golden(tmp_path, f"t/{name}", "fail", name, sentence=EVIL, variant=EVIL) for name in names
    ]
    path = tmp_path / "index.html"
    path.write_text(render_page(report(*records), tmp_path), encoding="utf-8")
    page = visit(path)
    page.get_by_label("select all").check()
    page.get_by_label("reason").fill(EVIL)
    found = words(command(page))
    assert [call[4:] for call in found] == [
        [f"t/{name}", "--candidate", name, f"--reason={EVIL}"] for name in names
    ]
    assert page.locator("script").count() == 1


def test_the_command_is_copied(visit, index):
    page = visit(index, permissions=["clipboard-read", "clipboard-write"])
    check(page, "t/a of B")
    page.get_by_role("button", name="copy the command").click()
    page.get_by_role("button", name="copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command(page)
    check(page, "t/b of B")
    assert page.get_by_role("button", name="copy the command").is_visible()


def test_where_the_clipboard_is_closed_the_command_is_selected(visit, index):
    page = visit(index)
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(); }")
    check(page, "t/a of B")
    page.get_by_role("button", name="copy the command").click()
    page.get_by_role("button", name="copied").wait_for()
    assert page.evaluate("getSelection().toString()") == command(page)


def test_the_command_accepts_exactly_what_was_checked(visit, project, suite):
    suite(SUITE)
    project.samples(3)
    project.gate(project.checkpoint("A", looks="away"), project.checkpoint("B", looks="inside"))
    page = visit(project.path / "vlm-report/index.html")
    check(page, "test_suite.test_map/map-0 of B", "test_suite.test_map/map-2 of B")
    page.get_by_label("reason").fill("it's right; $(touch here)")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command(page), shell=True, cwd=project.path, env=environment, check=True)
    accepted = sorted(path.name for path in project.path.glob("goldens/*/*.npz"))
    assert accepted == ["map-0.npz", "map-2.npz"]
    for provenance in project.path.glob("goldens/*/*.json"):
        assert "it's right; $(touch here)" in provenance.read_text()
    assert not (project.path / "here").exists()


def test_without_a_script_everything_is_side_by_side_with_its_own_command(visit, index):
    page = visit(index, java_script_enabled=False)
    assert not page.locator(".toolbar").is_visible() and not page.locator(".panel").is_visible()
    assert page.locator(".pick:visible, input:visible, button:visible").count() == 0
    commands = page.locator(".golden .command")
    assert [commands.nth(i).is_visible() for i in range(commands.count())] == [True] * 4
    assert accept("t/new", "B") in commands.all_text_contents()
    tops = {
        round(figure.bounding_box()["y"]) for figure in card(page, "t/a").locator("figure").all()
    }
    assert len(tops) == 1


def test_with_a_script_the_panel_takes_the_place_of_single_commands(visit, index):
    page = visit(index)
    assert page.locator(".golden .command:visible").count() == 0


def test_a_page_around_the_section_needs_no_script(visit, tmp_path):
    records = [golden(tmp_path, "t/a", "fail")]
    path = tmp_path / "other.html"
    path.write_text(f"<!doctype html><body>{render_section(report(*records), tmp_path)}</body>")
    page = visit(path)
    assert page.locator("input:visible, button:visible").count() == 0
    assert page.locator(".golden img:visible").count() == 5
    assert page.locator(".golden .command").is_visible()


def test_goldens_that_all_pass_need_no_script(visit, tmp_path):
    path = tmp_path / "index.html"
    path.write_text(render_page(report(golden(tmp_path, "t/a", "pass")), tmp_path))
    page = visit(path)
    assert page.locator("script").count() == 0 and page.locator("input").count() == 0
    assert page.get_by_text("0.9962, limit 0.994").is_visible()


def test_a_foreign_script_does_not_run_and_ours_does(browser, index):
    foreign = "<script>window.foreign = true</script><b onclick='window.foreign = true'>go</b>"
    text = index.read_text().replace("<main>", f"<main>{foreign}")
    index.write_text(text)
    page = browser.new_page()
    page.goto(index.as_uri())
    page.get_by_text("go", exact=True).click()
    assert page.evaluate("window.foreign") is None
    assert page.get_by_label("slider").is_visible()
    page.close()


CONTRASTS = """() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const luminance = ([r, g, b]) => {
    const straight = (c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
    const linear = [r, g, b].map((c) => straight(c / 255));
    return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
  };
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length === 3) return colour;
    }
    return [255, 255, 255];
  };
  const own = (node) => [...node.childNodes].some((c) => c.nodeType === 3 && c.data.trim());
  const nodes = [...document.querySelectorAll("#vlm-goldens *")];
  return nodes.filter((node) => own(node) && node.checkVisibility()).map((node) => {
    const [a, b] = [luminance(parse(getComputedStyle(node).color)), luminance(behind(node))];
    return [node.textContent.slice(0, 40), (Math.max(a, b) + .05) / (Math.min(a, b) + .05)];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [420, 1280])
def test_all_text_is_readable_and_nothing_is_wider_than_the_window(visit, index, scheme, width):
    page = visit(index, color_scheme=scheme, viewport={"width": width, "height": 900})
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", background))) < 64) is (scheme == "dark")
    check(page, "t/a of B")
    for view in ("side by side", "slider", "blink"):
        page.get_by_label(view).check()
        found = page.evaluate(CONTRASTS)
        assert len(found) > 40
        assert [text for text, contrast in found if contrast < 4.5] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_control_is_reached_by_the_keyboard_and_shows_it(visit, index):
    page = visit(index)
    page.get_by_label("side by side").focus()
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.id || e.ariaLabel || e.textContent, s.outlineStyle !== 'none']; })()"
        )
        reached.append(tuple(name))
        if name[0] == "vlm-all":
            break
    assert ("vlm-failed", True) in reached and ("vlm-all", True) in reached
    page.keyboard.press("Space")
    assert page.locator(".panel").is_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.id")
        reached.append(name)
        if name == "vlm-command":
            break
    assert {"vlm-reason", "vlm-copy", "vlm-command"} <= set(reached)
    page.get_by_label("side by side").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#vlm-goldens").get_attribute("data-view") == "slider"


def test_two_hundred_goldens_stay_usable(visit, tmp_path):
    first = golden(tmp_path, "t/first", "fail")
    names = [f"t/g{number}" for number in range(199)]
    more = [replace(first, golden=name, accept=accept(name, "B")) for name in names]
    path = tmp_path / "index.html"
    path.write_text(render_page(report(first, *more), tmp_path), encoding="utf-8")
    page = visit(path)
    assert page.locator(".card.golden:visible").count() == 200
    assert page.locator(".pictured[open]").count() == OPENED
    page.get_by_label("slider").check()
    page.get_by_label("select all").check()
    (call,) = words(command(page))
    assert call[4:-2] == ["t/first", *names]
    assert page.locator(".panel").bounding_box()["height"] < 300
    last = page.locator(".pictured").last
    last.locator("summary").click()
    assert last.locator(".over img").is_visible()
