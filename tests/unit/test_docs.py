"""The documentation knows every option, marker, field, fixture and score, and says what is so."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import re
from pathlib import Path

import pytest

from pytest_vlm import fixtures, scores, stats
from pytest_vlm.__main__ import main
from pytest_vlm.data.rows import FIELDS
from pytest_vlm.options.reading import documented
from pytest_vlm.pytest_run.markers import MARKERS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference.md").read_text("utf-8")
STATISTICS = (DOCS / "statistics.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "app/README.md", *DOCS.glob("*.md")]
A_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
NOT_WORSE = {"claim": "not_worse", "margin": 0.05}


def test_the_tables_are_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.with_tables(REFERENCE) == REFERENCE, "run: python docs/generate.py"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_field_of_a_sample_is_explained(name):
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name, value in vars(fixtures).items()
        if type(value).__name__ == "FixtureFunctionDefinition" and not name.startswith("_")
    ),
)
def test_every_fixture_is_explained(name):
    assert f"`{name}`" in REFERENCE


@pytest.mark.parametrize("marker", MARKERS)
def test_every_marker_is_explained(marker):
    assert f"`{marker.partition('(')[0]}(" in REFERENCE


@pytest.mark.parametrize(
    "name", sorted(n for n, v in vars(scores).items() if isinstance(v, scores.Score))
)
def test_every_score_is_explained(name):
    assert f"`{name}`" in REFERENCE


@A_PAGE
def test_every_option_that_a_page_names_is_one(page):
    known = {switch.partition(" ")[0] for switch, _, _ in documented()}
    named = set(re.findall(r"(?<![\w-])--vlm-[a-z][a-z-]*", page.read_text("utf-8")))
    assert named <= known


@A_PAGE
def test_every_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not link.startswith(("https://", "http://")):
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not heading or heading in _headings(target), link


@A_PAGE
def test_every_example_prints_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    examples = "\n".join(block for block in blocks if block.startswith(">>>"))
    test = doctest.DocTestParser().get_doctest(examples, {}, page.name, str(page), 0)
    said: list[str] = []
    flags = doctest.NORMALIZE_WHITESPACE
    assert not doctest.DocTestRunner(optionflags=flags).run(test, out=said.append).failed, said


@A_PAGE
def test_every_other_example_is_python(page):
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S):
        if not block.startswith(">>>"):
            for node in ast.walk(ast.parse(block, page.name)):
                if isinstance(node, ast.ImportFrom) and str(node.module).startswith("pytest_vlm"):
                    module = importlib.import_module(str(node.module))
                    missing = [one.name for one in node.names if not hasattr(module, one.name)]
                    assert not missing, f"{page.name}: {node.module} has no {missing}"


@pytest.mark.parametrize(
    ("counts", "claimed"),
    [
        ((320, 10, 14, 56), NOT_WORSE),
        ((300, 45, 5, 50), NOT_WORSE),
        ((150, 12, 8, 30), NOT_WORSE),
        ((0, 0, 0, 200), NOT_WORSE),
        ((850, 50, 0, 100), NOT_WORSE),
    ],
)
def test_sentences_are_the_ones_that_are_printed(counts, claimed):
    both, lost, won, neither = counts
    before = [1] * (both + lost) + [0] * (won + neither)
    after = [1] * both + [0] * lost + [1] * won + [0] * neither
    result = stats.compare(baseline=before, candidate=after, **claimed)
    assert str(result) in _quoted(STATISTICS)


def test_every_field_of_a_result_is_explained():
    result = stats.compare(baseline=[1] * 99 + [0], candidate=[1] * 100, **NOT_WORSE)
    table = STATISTICS.partition("| field of the result |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", re.sub(r"\|[^|]*\|$", "", table, flags=re.M))) == set(
        result.to_json()
    )


def test_the_plans_are_the_ones_that_are_printed(capsys):
    """Commands and outputs are indented alike; "..." stands for lines that are left out."""
    blocks = re.findall(
        r"(?:^    .*\n|^\n(?=    ))+", (DOCS / "planning.md").read_text("utf-8"), re.M
    )
    code = [line.strip() for block in blocks for line in block.splitlines() if line.strip()]
    commands = [i for i, line in enumerate(code) if line.startswith("python -m pytest_vlm plan")]
    checked = 0
    for start, end in zip(commands, [*commands[1:], len(code)], strict=True):
        if "--pilot" in code[start]:
            continue
        assert main(code[start].split()[3:]) == 0
        printed = " ".join(capsys.readouterr().out.split())
        for line in code[start + 1 : end]:
            assert line == "..." or " ".join(line.split()) in printed, code[start]
            checked += 1
    assert checked > 30


def _quoted(text: str) -> str:
    """Block quotes on one line each."""
    return re.sub(r"\n *> ", " ", text)


def _headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
