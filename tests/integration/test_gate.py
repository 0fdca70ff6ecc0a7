"""The verdict, the exit status and what makes them red."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ANSWERS = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
"""

MORE = """
import pytest
from pytest_vlm.scores import exact_match, pointing_game

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)

@pytest.mark.vlm_requires("regions", "relevance")
def test_looks(compare, samples):
    compare(samples, score=pointing_game).assert_not_worse(margin=0.05)

def test_speaks(predict, samples):
    assert predict(samples[:3])[2].answer
"""


def test_a_better_candidate_ships(project, suite):
    suite()
    project.samples(200)
    result = project.gate(
        project.checkpoint("A", accuracy=0.7), project.checkpoint("B", accuracy=0.9)
    )
    assert result.ret == 0
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["SHIP  B against A", "*Not worse: a loss of 5 points or more*"])
    assert project.verdicts() == {"B": "SHIP"}


def test_a_worse_candidate_is_held(project, suite):
    suite()
    project.samples(200)
    result = project.gate(
        project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.7)
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD  B against A", "*Worse: the candidate loses more than*"])
    result.stdout.fnmatch_lines(["FAILED vlm gate?B? - HOLD: B against A"])


def test_the_same_checkpoint_on_both_sides_ships(project, suite):
    suite()
    project.samples()
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*not one answer differs*"])


def test_an_inconclusive_claim_is_red_unless_told_to_warn(project, suite):
    suite()
    project.samples(60)
    sides = (project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.88))
    result = project.gate(*sides)
    assert result.ret == 1
    assert project.verdicts() == {"B": "INCONCLUSIVE"}
    result = project.gate(*sides, options=("--vlm-inconclusive=warn",))
    assert result.ret == 0
    assert project.verdicts() == {"B": "INCONCLUSIVE"}
    result.assert_outcomes(passed=1, skipped=1, warnings=2)
    result.stdout.fnmatch_lines(
        [
            "*test_suite.py:*exact match: if one answer in ten changes, 60 samples let an equally*",
            "*test_suite.py:*inconclusive: exact match, B against A: Not shown: *",
        ]
    )


def test_enough_samples_are_not_warned_of(project, suite):
    suite()
    project.samples(300)
    sides = (project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.9))
    project.gate(*sides).assert_outcomes(passed=2, warnings=0)


def test_too_few_samples_are_refused_before_a_model_is_loaded(project, suite):
    suite()
    project.samples(20)
    no_such_script = f"B={project.path / 'A.json'}"
    result = project.gate(project.checkpoint("A", accuracy=0.9), no_such_script)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*20 samples could not show a margin of 5 points*at least 59*"])
    assert not [r for r in project.report()["records"] if r["kind"] == "SpeedRecord"]


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_a_baseline_that_cannot_tell_checkpoints_apart_proves_nothing(project, suite, accuracy):
    suite()
    project.samples()
    same = {"accuracy": accuracy}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    assert project.verdicts() == {"B": "INCONCLUSIVE"}


def test_truncated_answers_on_both_sides_are_never_green(project, suite):
    suite()
    project.samples()
    same = {"accuracy": 0.9, "finish_reason": "length"}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*100 of 100 answers of the baseline A are truncated*"])
    result.stdout.fnmatch_lines(["*allow longer answers (--vlm-max-new-tokens)*"])


def test_a_candidate_that_lost_its_maps_is_held_and_a_baseline_without_skips_by_name(
    project, suite
):
    suite(MORE)
    project.samples()
    seeing = project.checkpoint("A", accuracy=0.9, looks="inside")
    blind = project.checkpoint("B", accuracy=0.9, looks="nowhere")
    assert project.gate(seeing, blind).ret == 1
    assert project.verdicts() == {"B": "HOLD"}
    result = project.gate(blind, seeing)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*not claimed: *the baseline has no relevance maps*"])


def test_a_candidate_that_looks_away_is_held_though_its_answers_hold(project, suite):
    suite(MORE)
    project.samples(200)
    # The baseline points wrong where its region is marked elsewhere, so the score can tell.
    lines = (project.path / "samples.jsonl").read_text().splitlines()
    lines[:20] = [line.replace("[0, 0, 4, 4]", "[12, 12, 13, 13]") for line in lines[:20]]
    (project.path / "samples.jsonl").write_text("\n".join(lines))
    result = project.gate(
        project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.9, looks="away")
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD  B against A", "*pointing game: Worse*"])


@pytest.mark.parametrize(
    "options",
    [("-k", "answers"), ("--deselect", "test_suite.py::test_looks"), ("--vlm-limit", "80")],
)
def test_a_selection_is_partial_and_never_ships(project, suite, options):
    suite(MORE.replace("test_looks", "test_other"))
    suite(MORE)
    project.samples()
    lines = (project.path / "samples.jsonl").read_text().splitlines()
    lines[:9] = [line.replace("[0, 0, 4, 4]", "[12, 12, 13, 13]") for line in lines[:9]]
    (project.path / "samples.jsonl").write_text("\n".join(lines))
    same = {"accuracy": 0.9}
    result = project.gate(
        project.checkpoint("A", **same), project.checkpoint("B", **same), options=options
    )
    assert project.verdicts() == {"B": "PARTIAL"}
    result.assert_outcomes(passed=result.parseoutcomes()["passed"], skipped=1, deselected=None)


def test_a_single_named_test_is_partial(project, suite):
    suite(MORE)
    project.samples()
    same = {"accuracy": 0.9}
    project.gate(
        project.checkpoint("A", **same),
        project.checkpoint("B", **same),
        options=("test_suite.py::test_answers",),
    )
    assert project.verdicts() == {"B": "PARTIAL"}


def test_stopping_at_the_first_failure_holds(project, suite):
    suite(MORE)
    project.samples(200)
    project.gate(
        project.checkpoint("A", accuracy=0.9),
        project.checkpoint("B", accuracy=0.5),
        options=("-x",),
    )
    assert project.verdicts() == {"B": "HOLD"}


def test_a_claim_that_the_test_swallowed_still_holds(project, suite):
    suite(
        """
        import contextlib
        from pytest_vlm.scores import exact_match

        def test_answers(compare, samples):
            with contextlib.suppress(AssertionError):
                compare(samples, score=exact_match).assert_not_worse(margin=0.05)
        """
    )
    project.samples(200)
    result = project.gate(
        project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.5)
    )
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("pytest.skip('today not')", "*made 0 of 1 claims*"), ("return", "*made 0 of 1 claims*")],
)
def test_a_claim_that_was_never_made_holds(project, suite, body, reason):
    suite(f"import pytest\ndef test_answers(compare, samples):\n    {body}\n")
    project.samples()
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    result.stdout.fnmatch_lines([reason])


def test_every_candidate_has_a_verdict_of_its_own(project, suite):
    suite()
    project.samples(200)
    result = project.gate(
        project.checkpoint("A", accuracy=0.8),
        project.checkpoint("good", accuracy=0.95),
        project.checkpoint("bad", accuracy=0.4),
    )
    assert result.ret == 1
    assert project.verdicts() == {"good": "SHIP", "bad": "HOLD"}


def test_claims_are_counted_by_their_marker(project, suite):
    suite(
        """
        import pytest
        from pytest_vlm.scores import contains, exact_match

        @pytest.mark.vlm_claims(2)
        def test_answers(compare, samples):
            compare(samples, score=exact_match).assert_not_worse(margin=0.05)
            if samples[0].meta.get("both"):
                compare(samples, score=contains).assert_not_worse(margin=0.05)
        """
    )
    same = {"accuracy": 0.9}
    sides = (project.checkpoint("A", **same), project.checkpoint("B", **same))
    project.samples(100, meta={"both": True})
    assert project.gate(*sides).ret == 1  # "not a cat" contains "a cat": nothing can be told
    assert project.verdicts() == {"B": "INCONCLUSIVE"}
    project.samples(100)
    result = project.gate(*sides)
    result.stdout.fnmatch_lines(["*made 1 of 2 claims*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_collecting_only_decides_nothing(project, suite):
    suite()
    project.samples()
    same = {"accuracy": 0.9}
    result = project.gate(
        project.checkpoint("A", **same), project.checkpoint("B", **same), options=("--co",)
    )
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*vlm gate*")
    result.stdout.fnmatch_lines(["*test_answers?B?*"])


def test_the_gate_is_in_junit(project, suite):
    suite()
    project.samples(200)
    project.gate(
        project.checkpoint("A", accuracy=0.9),
        project.checkpoint("B", accuracy=0.5),
        options=("--junitxml=junit.xml",),
    )
    junit = (project.path / "junit.xml").read_text()
    assert 'name="vlm gate[B]"' in junit
    assert 'tests="2"' in junit
    assert 'failures="2"' in junit


def test_a_later_report_does_not_erase_a_failed_claim(project, suite):
    suite(
        """
        import contextlib
        from pytest_vlm.scores import exact_match

        def test_answers(compare, samples):
            comparison = compare(samples, score=exact_match)
            with contextlib.suppress(AssertionError):
                comparison.assert_not_worse(margin=0.05)
            comparison.report()
        """
    )
    project.samples(200)
    result = project.gate(
        project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.5)
    )
    assert result.ret == 1
    assert project.verdicts() == {"B": "HOLD"}


def test_a_suite_that_only_reports_is_partial(project, suite):
    suite(
        """
        from pytest_vlm.scores import exact_match

        def test_answers(compare, samples):
            compare(samples, score=exact_match).report()
        """
    )
    project.samples()
    project.gate(project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.5))
    assert project.verdicts() == {"B": "PARTIAL"}


@pytest.mark.parametrize(
    ("module", "verdict"),
    [
        ("import nothing_of_this_name", "HOLD"),
        ("import pytest\npytest.importorskip('nothing_of_this_name')", "PARTIAL"),
    ],
)
def test_a_module_that_vanishes_is_missed(project, suite, module, verdict):
    suite()
    project.pytester.makepyfile(test_other=f"{module}\ndef test_more(compare): ...\n")
    project.samples()
    same = {"accuracy": 0.9}
    project.gate(
        project.checkpoint("A", **same),
        project.checkpoint("B", **same),
        options=("--continue-on-collection-errors",),
    )
    assert project.verdicts() == {"B": verdict}
    assert "test_other.py" in " ".join(project.report()["verdicts"][0]["reasons"])


def test_ignoring_a_path_is_partial(project, suite):
    suite()
    project.pytester.makepyfile(test_other="def test_more(compare): ...\n")
    project.samples()
    same = {"accuracy": 0.9}
    project.gate(
        project.checkpoint("A", **same),
        project.checkpoint("B", **same),
        options=("--ignore=test_other.py",),
    )
    assert project.verdicts() == {"B": "PARTIAL"}


def test_two_checkpoints_and_no_test_about_them_is_red(project, suite):
    suite("def test_plain(): pass\n")
    project.samples()
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD  B against A", "*no test about it was collected*"])


def test_a_failing_test_that_only_uses_the_samples_holds(project, suite):
    suite(MORE + "\ndef test_data(samples):\n    assert len(samples) == 1\n")
    project.samples(200)
    project.gate(project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.9))
    assert "test_data failed" in " ".join(project.report()["verdicts"][0]["reasons"])


def test_a_baseline_within_the_margin_of_nothing_proves_nothing(project, suite):
    suite()
    project.samples(300)
    result = project.gate(
        project.checkpoint("A", accuracy=0.03), project.checkpoint("B", accuracy=0.0)
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*only one above 5.0 % could tell checkpoints apart*"])


def test_chance_counts_where_choices_are_known(project, suite):
    suite()
    project.samples(300, choices=["a cat", "a dog", "a cow", "a hen"])
    result = project.gate(
        project.checkpoint("A", accuracy=0.28), project.checkpoint("B", accuracy=0.28)
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*only one above 30.0 % could tell checkpoints apart*"])


def test_a_baseline_that_always_says_the_same_proves_nothing(project, suite):
    suite()
    project.samples(100)
    rows = (project.path / "samples.jsonl").read_text().splitlines()
    rows[:10] = [row.replace("a cat", "a dog") for row in rows[:10]]
    (project.path / "samples.jsonl").write_text("\n".join(rows))
    blind = {"answers": {f"s{i}": "a cat" for i in range(100)}}
    result = project.gate(project.checkpoint("A", **blind), project.checkpoint("B", **blind))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the baseline A answers 'a cat' to everything*"])


def test_many_questions_about_few_images_prove_little(project, suite):
    suite()
    path = project.samples(240)
    rows = path.read_text().splitlines()
    images = [row.replace(f'"{i}.png"', f'"{i % 24}.png"') for i, row in enumerate(rows)]
    path.write_text("\n".join(images))
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    assert project.verdicts() == {"B": "INCONCLUSIVE"}


def test_a_text_only_sample_does_not_switch_the_maps_off(project, suite):
    suite(MORE)
    path = project.samples(200)
    rows = path.read_text().splitlines()
    rows[1:21] = [row.replace("[0, 0, 4, 4]", "[12, 12, 13, 13]") for row in rows[1:21]]
    greeting = {"id": "hello", "messages": [{"role": "user", "content": "Say hello"}]}
    path.write_text("\n".join([json.dumps(greeting), *rows]))
    result = project.gate(
        project.checkpoint("A", accuracy=0.9), project.checkpoint("B", accuracy=0.9, looks="away")
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*pointing game: Worse*"])


def test_the_same_files_on_both_sides_are_said(project, suite):
    suite("def test_speaks(predict, samples): assert predict(samples)\n")
    project.samples(3)
    strong = Path(__file__).parents[2] / "app/digits/checkpoints/strong"
    result = project.pytester.runpytest(
        "--vlm-samples=samples.jsonl",
        f"--checkpoint=A={strong}",
        f"--checkpoint=B={strong}?dtype=bfloat16",
    )
    result.assert_outcomes(passed=2, skipped=1)
    events = [r["event"] for r in project.report()["records"] if r["kind"] == "EventRecord"]
    assert any("byte for byte" in event for event in events)
    assert any("loaded with dtype=bfloat16" in event for event in events)


def test_collecting_only_leaves_the_last_report_alone(project, suite):
    suite()
    project.samples()
    sides = [project.checkpoint(name, accuracy=0.9) for name in "AB"]
    project.gate(*sides)
    before = (project.path / "vlm-report/run.json").read_text()
    project.gate(*sides, options=("--co",))
    assert (project.path / "vlm-report/run.json").read_text() == before


def test_a_report_folder_that_cannot_be_written_stops_the_run_at_once(project, suite):
    suite()
    project.samples()
    (project.path / "taken").write_text("a file")
    result = project.gate(
        project.checkpoint("A"), project.checkpoint("B"), options=("--vlm-report=taken",)
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--vlm-report: cannot write to*taken*"])


@pytest.mark.parametrize(
    ("margin", "message"),
    [
        ("None", "*not_worse needs a margin*"),
        ("'0.05'", "*margin must be a number, found '0.05'*"),
        ("5", "*margin must lie between 0 and 1, found 5*"),
        ("float('nan')", "*margin must lie between 0 and 1, found nan*"),
        ("-0.1", "*margin must lie between 0 and 1, found -0.1*"),
    ],
)
def test_a_margin_that_makes_no_sense_is_refused_before_a_model_is_loaded(
    project, suite, margin, message
):
    suite(ANSWERS.replace("0.05", margin))
    project.samples()
    result = project.gate(project.checkpoint("A"), f"B={project.path / 'none.json'}")
    assert result.ret == 1
    result.stdout.fnmatch_lines([message])


def test_data_that_shows_nothing_is_red_even_where_inconclusive_only_warns(project, suite):
    suite()
    project.samples(300)
    result = project.gate(
        project.checkpoint("A", accuracy=1.0),
        project.checkpoint("B", accuracy=1.0),
        options=("--vlm-inconclusive=warn",),
    )
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the baseline gets everything right*"])


def test_a_report_that_cannot_be_written_holds(project, suite):
    suite(
        ANSWERS + "\ndef test_in_the_way():\n"
        "    from pathlib import Path\n"
        "    Path('vlm-report/index.html').mkdir()\n"
    )
    project.samples(200)
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*HOLD*", "*the report could not be written: *index.html*"])


def test_a_golden_that_is_never_checked_holds(project, suite):
    suite(ANSWERS + "\ndef test_map(golden): golden('x')\n")
    project.samples()
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*test_map?B? checked no golden*"])


def test_accepting_goldens_of_two_candidates_at_once_is_refused(project, suite):
    suite()
    project.samples()
    result = project.gate(
        *(project.checkpoint(name) for name in "ABC"), options=("--vlm-accept-goldens",)
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--vlm-accept-goldens with several candidates*"])


def test_ignoring_a_path_by_environment_is_partial_too(project, suite, monkeypatch):
    suite()
    project.pytester.makepyfile(test_other="def test_more(compare): ...\n")
    project.samples()
    same = {"accuracy": 0.9}
    monkeypatch.setenv("PYTEST_ADDOPTS", "--ignore=test_other.py")
    project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    assert project.verdicts() == {"B": "PARTIAL"}
