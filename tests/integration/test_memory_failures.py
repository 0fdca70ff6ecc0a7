"""What a failure about memory tells: what was taken, step by step, and what still holds a model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux' accounting"),
    pytest.mark.usefixtures("trimmed_heap"),
]

STRONG = Path(__file__).parents[2] / "app/digits/checkpoints/strong"
TAKES = """
import numpy as np
import pytest

@pytest.mark.vlm_memory({words})
def test_fits(predict, samples):
    predict(samples)
    np.ones(200 * 2**17).sum()
    {then}
"""
KEEPS = """
import pytest

KEPT = []

class Trial:
    def __init__(self, engine):
        self.engine = engine

@pytest.fixture
def engine(_vlm_session, checkpoint):
    return _vlm_session.engine(checkpoint)

@pytest.mark.vlm_memory(leak="1 GiB")
def test_keeps(engine):
    {body}
"""


def run(project, *options, in_process=True):
    run = project.pytester.runpytest if in_process else project.pytester.runpytest_subprocess
    checkpoint = f"--checkpoint={project.checkpoint('A')}"
    return run("--vlm-engine=fake", "--vlm-samples=samples.jsonl", checkpoint, *options)


@pytest.fixture
def takes(project, suite):
    def write(words="peak='100 MiB'", then="pass"):
        suite(TAKES.format(words=words, then=then))
        project.samples(3)

    return write


@pytest.fixture
def keeps(project, suite):
    def write(body):
        suite(KEEPS.format(body=body))
        project.samples(3)

    return write


def test_a_limit_that_did_not_hold_has_its_figures_and_its_steps(project, takes):
    takes()
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r".*limited to 100\.0 MiB, allocated (19|20)\d\.\d MiB on CPU.*",
            r".*- vlm memory -.*",
            r"A: limited to 100\.0 MiB, allocated (19|20)\d\.\d MiB on CPU.*",
            r".* MiB  anonymous",
            r" +time +in use +peak so far +until then",
            r".* loading A, answering",
            r".* \+(19|20)\d\.\d MiB  the rest of the block",
        ]
    )


def test_another_failure_in_a_measured_test_has_them_too(project, takes):
    takes("peak='1 GiB'", "raise MemoryError('out')")
    result = run(project)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*MemoryError: out*", "*- vlm memory -*", "* the rest of the block"]
    )


def test_a_measured_test_that_passes_is_quiet(project, takes):
    takes("peak='1 GiB'")
    result = run(project, "-rP")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*vlm memory*")


def test_the_steps_come_from_a_worker_too(project, takes):
    takes()
    result = run(project, "-n1", in_process=False)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- vlm memory -*", "* loading A, answering"])


def test_the_report_draws_the_steps(project, takes):
    takes()
    result = project.gate(project.checkpoint("A"), project.checkpoint("B"))
    result.assert_outcomes(failed=3)  # the gate too
    page = (project.path / "vlm-report/index.html").read_text()
    assert page.count('class="moments"') == 2
    assert "limit 100.0 MiB" in page
    assert "loading A" in page


@pytest.mark.parametrize(
    ("checkpoint", "option", "limit"),
    [("?budget=100MiB", "1 GiB", "100.0 MiB"), ("", "100 MiB", "100.0 MiB")],
)
@pytest.mark.parametrize("block", [False, True])
def test_the_budget_of_a_checkpoint_wins_over_that_of_the_run(
    project, suite, block, checkpoint, option, limit
):
    marked = "@pytest.mark.vlm_memory\ndef test_it(predict):\n    np.ones(200 * 2**17)\n"
    blocked = "def test_it(memory_guard):\n    with memory_guard():\n        np.ones(200 * 2**17)\n"
    suite(f"import numpy as np, pytest\n\n{blocked if block else marked}")
    project.samples(3)
    result = project.gate(
        project.checkpoint("A") + checkpoint, options=(f"--vlm-memory-budget={option}",)
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*limited to {limit}*"])


def test_the_marker_and_the_block_win_over_the_budget_of_a_checkpoint(project, suite):
    suite(
        """
        import numpy as np, pytest

        @pytest.mark.vlm_memory(peak="1 GiB")
        def test_marked(predict):
            np.ones(200 * 2**17).sum()

        def test_block(memory_guard):
            with memory_guard(peak="1 GiB"):
                np.ones(200 * 2**17).sum()
        """
    )
    project.samples(3)
    project.gate(project.checkpoint("A") + "?budget=100MiB").assert_outcomes(passed=2)


def test_blocks_follow_each_other_and_do_not_nest(project, suite):
    suite(
        """
        import pytest

        def test_one_after_the_other(memory_guard, predict, samples):
            for _ in range(3):
                with memory_guard(peak="1 GiB"):
                    predict(samples)
            with pytest.raises(KeyError), memory_guard(peak="1 GiB"):
                raise KeyError
            with memory_guard(peak="1 GiB"):
                predict(samples)

        @pytest.mark.vlm_memory
        def test_nested(memory_guard):
            with memory_guard(peak="1 GiB"):
                pass
        """
    )
    project.samples(3)
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_nested*measures its memory inside a block of*do not nest*"])


@pytest.mark.parametrize(
    ("body", "holder"),
    [
        ("KEPT.append(engine)", "test_suite.py: KEPT[[]0[]]"),
        ("KEPT.append(Trial(engine))", "test_suite.py: KEPT[[]0[]].engine"),
        (
            "with pytest.raises(ValueError) as failure: raise ValueError\n    KEPT.append(failure)",
            "test_suite.py: KEPT[[]0[]]._excinfo[[]2[]], a traceback: `engine` in test_keeps*",
        ),
    ],
)
def test_a_model_that_is_kept_is_named_by_what_holds_it(project, keeps, body, holder):
    keeps(body)
    result = run(project)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([f"*A is still there, held by {holder}*"])


def test_a_model_that_is_let_go_is_no_leak(project, keeps):
    keeps("assert engine.device")
    run(project).assert_outcomes(passed=1)


def test_a_failed_test_that_keeps_nothing_is_no_leak(project, keeps):
    keeps("assert not engine")
    result = run(project, in_process=False)
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*vlm memory kept*")


def test_a_failed_test_keeps_its_failure_and_its_leak_is_told_beside(project, keeps):
    keeps("KEPT.append(engine); assert not engine")
    for options in ((), ("-n1",)):
        result = run(project, *options, in_process=False)
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(
            ["*assert not *", "*- vlm memory kept -*", "*A is still there, held by test_suite.py:*"]
        )


def test_a_skipped_test_is_not_judged(project, keeps):
    keeps("KEPT.append(engine); pytest.skip('no')")
    run(project).assert_outcomes(skipped=1)


def test_a_failed_test_is_not_judged_where_a_debugger_looks_at_it(project, keeps):
    keeps("assert not engine")
    suite = project.path / "test_suite.py"
    suite.write_text(suite.read_text() + "\n\ndef test_after(): pass\n")
    project.pytester.makeconftest(
        "import sys\n"
        "def pytest_runtest_logreport(report):\n"
        "    if report.when == 'teardown' and 'keeps' in report.nodeid:\n"
        "        print('LAST', getattr(sys, 'last_type', None), file=sys.__stderr__)\n"
    )
    result = run(project, "--pdb", "--pdbcls=debugger:Silent", in_process=False)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*not measured on CPU*(--pdb keeps the failed test*"])
    result.stderr.fnmatch_lines(["LAST *AssertionError*"])


@pytest.fixture(autouse=True)
def debugger(project):
    """A debugger that asks nothing."""
    project.pytester.makepyfile(
        debugger="import pdb\nclass Silent(pdb.Pdb):\n    def interaction(self, *args): pass\n"
    )


def test_a_kept_tensor_is_named_by_its_shape(project, suite):
    suite(
        """
        import pytest, torch

        KEPT = {}

        @pytest.mark.vlm_memory(leak="16 MiB")
        def test_keeps(predict, samples):
            predict(samples)
            KEPT["states"] = torch.ones(64, 2**18)
        """
    )
    project.samples(3)
    result = run(project, in_process=False)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*limited to 16.0 MiB, leaked ??.? MiB on CPU*a tensor of 64×262144 float32 on cpu, "
            "64.0 MiB is still there, held by test_suite.py: KEPT[[]'states'[]]*"
        ]
    )


def test_the_weights_of_a_real_checkpoint_are_told(project, suite):
    suite(TAKES.format(words="peak='10 MiB'", then="pass"))
    project.samples(3)
    result = project.pytester.runpytest_subprocess(
        "--vlm-samples=samples.jsonl", f"--checkpoint=B={STRONG}"
    )
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r".*on CPU.*: 1\.\d MiB weights \(B\), \d+\.\d MiB other \(.*\)"])
