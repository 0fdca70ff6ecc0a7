"""``python -m pytest_vlm accept`` where nobody is asked."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.golden.accepting.pending import PendingFolder
from pytest_vlm.golden.storage.store import GoldenStore

ONE, TWO = "test_x/one", "test_x/two"


@pytest.fixture
def two_candidates(make_report):
    return make_report(B=[ONE, TWO], C=[ONE])


def waiting(report) -> list[tuple[str, str]]:
    return [(one.candidate, one.id) for one in PendingFolder(report).goldens()]


def provenance(accepted, id=ONE):
    golden = accepted.load(id)
    assert golden is not None
    return golden.provenance


def test_lists_what_is_pending(report, accepted, capsys):
    assert main(["accept", "report"]) == 0
    assert capsys.readouterr().out == f"B:\n  {ONE}\n  {TWO}\n"
    assert accepted.ids() == []


def test_accepts_by_id_with_a_reason(report, accepted, capsys):
    assert main(["accept", "report", ONE, "--reason", "better"]) == 0
    assert capsys.readouterr().out == f"accepted goldens/{ONE}\n"
    assert provenance(accepted).reason == "better"
    assert waiting(report) == [("B", TWO)]


@pytest.mark.parametrize("pattern", ["test_x/*", "*", "test_?/[ot]*"])
def test_accepts_by_pattern(report, accepted, pattern):
    assert main(["accept", "report", pattern]) == 0
    assert accepted.ids() == [ONE, TWO]


def test_accepts_all_then_has_nothing_left(report, accepted, capsys):
    assert main(["accept", "report", "--all"]) == 0
    assert accepted.ids() == [ONE, TWO]
    assert provenance(accepted).reason == ""
    capsys.readouterr()
    assert main(["accept", "report", "--all"]) == 2
    assert capsys.readouterr().out == "nothing is pending in report\n"
    assert main(["accept", "report"]) == 0


def test_accepts_into_another_folder(report, tmp_path, accepted):
    assert main(["accept", "report", "--all", "--goldens", "deep/er"]) == 0
    assert (tmp_path / "deep/er" / f"{ONE}.npz").exists()
    assert accepted.ids() == []


@pytest.mark.parametrize(
    "ids", [["test_x/three"], ["../one"], [ONE, "nonsense"], ["test_y/*"], [""], ["/etc/passwd"]]
)
def test_says_what_is_not_pending_and_changes_nothing(report, accepted, capsys, ids):
    assert main(["accept", "report", *ids]) == 2
    said = capsys.readouterr().err
    assert said == f"error: {ids[-1]!r} is not pending; pending are: {ONE}, {TWO}\n"
    assert accepted.ids() == []
    assert waiting(report) == [("B", ONE), ("B", TWO)]


def test_ids_and_all_contradict(report, accepted, capsys):
    assert main(["accept", "report", ONE, "--all"]) == 2
    assert capsys.readouterr().err == "error: give ids or --all, not both\n"
    assert accepted.ids() == []


def test_without_a_report(capsys):
    assert main(["accept", "gone"]) == 2
    assert "is no report folder" in capsys.readouterr().err


@pytest.mark.parametrize("what", [["--all"], [ONE], ["*one"]])
def test_asks_whose_where_several_are_pending(two_candidates, accepted, capsys, what):
    given = ["accept", "report", *what, "--reason", "it is right", "--goldens", "goldens"]
    assert main(given) == 2
    said = capsys.readouterr().err.splitlines()
    assert accepted.ids() == []
    assert len(said) == 3
    assert said[1].strip().endswith("--candidate B --reason 'it is right' --goldens goldens")
    words = said[2].replace("'it is right'", "right").replace("'*one'", "*one").split()
    assert words[:3] == ["python", "-m", "pytest_vlm"]
    assert main(words[3:]) == 0
    assert provenance(accepted).checkpoint == "C"
    assert waiting(two_candidates) == [("B", ONE), ("B", TWO)]


def test_an_id_of_one_candidate_needs_no_name(two_candidates, accepted):
    assert main(["accept", "report", TWO]) == 0
    assert accepted.ids() == [TWO]


@pytest.mark.parametrize("what", [["--all"], [ONE], []])
def test_refuses_a_candidate_that_has_nothing_pending(report, accepted, capsys, what):
    assert main(["accept", "report", *what, "--candidate", "Z"]) == 2
    assert capsys.readouterr().err == "error: nothing is pending for Z; there is for B\n"
    assert accepted.ids() == []


def test_a_damaged_one_is_refused_and_the_others_are_accepted(report, accepted, capsys):
    (report / f"pending/B/{ONE}.npz").write_bytes(b"damaged")
    assert main(["accept", "report"]) == 2
    told = capsys.readouterr()
    assert told.out == f"B:\n  {TWO}\n"
    assert main(["accept", "report", "--all"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"refused: {ONE} of B: one.npz cannot be used (")
    assert told.err.endswith("run the suite again, or download its report folder again\n")
    assert told.out == f"accepted goldens/{TWO}\n"
    assert accepted.ids() == [TWO]
    assert main(["accept", "report", ONE]) == 2
    assert accepted.ids() == [TWO]


def test_names_cannot_move_the_cursor(report, capsys):
    (report / "pending/B/test_x/\x1b[2J.png").write_bytes(b"")
    (report / "pending/B/test_x/x\nB:.png").write_bytes(b"")
    assert main(["accept", "report"]) == 2
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert told.out == f"B:\n  {ONE}\n  {TWO}\n"
    assert [line.partition(" ")[0] for line in told.err.splitlines()] == ["refused:"] * 2


def test_the_goldens_of_the_run_are_elsewhere(make_report, tmp_path, accepted, capsys):
    make_report(B=[ONE], goldens=tmp_path / "kept here")
    assert main(["accept", "report", ONE]) == 2
    said = "error: the goldens of this run are in 'kept here', not in goldens; add --goldens"
    assert capsys.readouterr().err.startswith(said)
    assert accepted.ids() == []
    assert main(["accept", "report", ONE, "--goldens", "kept here"]) == 0
    assert (tmp_path / "kept here" / f"{ONE}.npz").exists()


@pytest.mark.parametrize("what", [["--all"], [ONE]])
def test_in_ci_a_reason_is_needed(report, accepted, capsys, monkeypatch, what):
    monkeypatch.setenv("CI", "true")
    assert main(["accept", "report"]) == 0
    assert main(["accept", "report", *what, "--reason", " "]) == 2
    assert "CI is set, and nobody looks at pictures there" in capsys.readouterr().err
    assert accepted.ids() == []
    assert main(["accept", "report", *what, "--reason", "approved by Ada in #7"]) == 0
    assert provenance(accepted).reason == "approved by Ada in #7"


def test_goldens_that_cannot_be_written_are_said(report, tmp_path, capsys):
    (tmp_path / "goldens").write_text("a file")
    assert main(["accept", "report", "--all"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(" cannot be written to")[0] for line in said] == [
        f"refused: {ONE}: goldens",
        f"refused: {TWO}: goldens",
    ]
    assert waiting(report) == [("B", ONE), ("B", TWO)]


def test_an_interruption_is_said_and_leaves_the_rest_pending(report, accepted, capsys, monkeypatch):
    save = GoldenStore.save

    def interrupted(store, golden):
        if golden.id == TWO:
            raise KeyboardInterrupt
        save(store, golden)

    monkeypatch.setattr(GoldenStore, "save", interrupted)
    assert main(["accept", "report", "--all"]) == 130
    assert "interrupted; what was not accepted stays pending" in capsys.readouterr().err
    assert accepted.ids() == [ONE]
    assert waiting(report) == [("B", TWO)]


def test_accepting_loads_no_model_and_no_pytest(report, accepted):
    command = (
        "import sys, json; from pytest_vlm.__main__ import main\n"
        "code = main(['accept', 'report', '--all'])\n"
        "print(json.dumps([code, *sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    code, *modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert accepted.ids() == [ONE, TWO]
    assert "numpy" in modules
    assert not {"torch", "transformers", "gradio", "pytest", "scipy"} & set(modules)
