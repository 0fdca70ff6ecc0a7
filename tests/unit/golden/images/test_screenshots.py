"""The tolerance for screenshots, on those of a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from browser import CHROMIUM, QUIET

from pytest_vlm.golden.images.comparison import compare_pixels
from pytest_vlm.golden.images.pixels import Pixels
from pytest_vlm.golden.images.tolerance import EXACT, SCREENSHOT

PAGE = """<!doctype html><style>
body {{ font: 14px/1.45 sans-serif; margin: 20px; background: {paper}; color: {ink} }}
span {{ background: #2a6fdb; color: #fff; border-radius: 6px; padding: 5px 12px }}
td {{ border: 1px solid #888; padding: 3px 8px }}
i {{ position: absolute; left: 300px; top: 110px; width: {patch}px; height: {patch}px;
     background: currentColor }}
div {{ transform: translate({x}px, {y}px) }}
</style><div><h2>Relevance of the answer</h2><p>{words}</p>
<table><tr><td>digit</td><td>{cell}</td></tr></table><p><span>Accept</span></p><i></i></div>"""
LIGHT = {
    "paper": "#fff",
    "ink": "#222",
    "words": "The model looks at the seven in the top left corner.",
    "cell": "seven",
    "patch": 0,
    "x": 0,
    "y": 0,
}
DARK = {**LIGHT, "paper": "#14161a", "ink": "#ddd"}
HARMLESS = [{"x": 0.25}, {"x": 0.5}, {"y": 0.3}, {"x": 0.25, "y": 0.25}]
HARMFUL = [
    {"words": LIGHT["words"].replace("seven", "eight")},
    {"words": LIGHT["words"].replace("left", "lift")},
    {"words": LIGHT["words"].removesuffix(".")},
    {"cell": "sever"},
    {"patch": 7},
    {"ink": "#777"},
    {"ink": "#d33"},
    {"x": 2},
]

Shot = Callable[[dict[str, object]], Pixels]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


@pytest.fixture(scope="module")
def shot() -> Iterator[Shot]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 480, "height": 260})

        def take(words: dict[str, object]) -> Pixels:
            page.set_content(PAGE.format(**words))
            return Pixels.of_png(page.screenshot())

        yield take
        browser.close()


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_moved_text_passes_and_another_word_does_not(shot, theme):
    golden = shot(theme)
    assert compare_pixels(golden, shot(theme), EXACT).problem == ""
    for change in HARMLESS:
        moved = shot({**theme, **change})
        assert compare_pixels(golden, moved, EXACT).problem, change
        assert compare_pixels(golden, moved, SCREENSHOT).problem == "", change
    for change in HARMFUL:
        assert compare_pixels(golden, shot({**theme, **change}), SCREENSHOT).problem, change
