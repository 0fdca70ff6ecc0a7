"""``vlm_memory``: limits that hold, limits that do not, and what cannot be measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# pytester forgets modules that an inner run imported; compiled ones must not be imported twice.
import pytest_vlm.engine.loading  # noqa: F401

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is Linux' accounting"),
    pytest.mark.usefixtures("trimmed_heap"),
]

SUITE = """
import numpy as np
import pytest

@pytest.mark.vlm_memory({words})
def test_fits(predict, samples):
    predict(samples)
    np.ones(200 * 2**17).sum()
"""


def run(project, suite, words, *options):
    suite(SUITE.format(words=words))
    project.samples(3)
    return project.gate(project.checkpoint("A"), options=options)


def test_a_peak_above_the_limit_fails_with_both_figures(project, suite):
    result = run(project, suite, "peak='100 MiB'")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r".*limited to 100\.0 MiB, allocated (19|20)\d\.\d MiB on CPU.*"])


def test_a_peak_below_the_limit_passes(project, suite):
    run(project, suite, "peak='300 MiB'").assert_outcomes(passed=1)


def test_the_budget_holds_where_the_marker_has_no_limit_and_the_marker_wins(project, suite):
    run(project, suite, "", "--vlm-memory-budget=100 MiB").assert_outcomes(failed=1)
    run(project, suite, "peak='1 GiB'", "--vlm-memory-budget=100 MiB").assert_outcomes(passed=1)


def test_an_unknown_keyword_is_refused_by_name(project, suite):
    result = run(project, suite, "peek='1 GiB'")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*vlm_memory does not know 'peek'*"])


@pytest.mark.parametrize("below", ["@pytest.mark.vlm_memory(leak='1 GiB')", ""])
def test_the_limits_of_several_markers_all_hold(project, suite, below):
    suite(
        f"""
        import numpy as np
        import pytest

        pytestmark = pytest.mark.vlm_memory(peak="100 MiB", leak="16 MiB")
        kept = []

        class TestMarked:
            {below}
            def test_fits(self, predict, samples):
                predict(samples)
                np.ones(200 * 2**17).sum()

            @pytest.mark.vlm_memory(peak="300 MiB")
            def test_has_more(self, predict, samples):
                predict(samples)
                kept.append(np.ones(200 * 2**17))
        """
    )
    project.samples(3)
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(failed=1, passed=1, errors=1)
    result.stdout.re_match_lines_random(
        [
            r".*test_fits\[A\]: limited to 100\.0 MiB, allocated .*",
            r".*test_has_more\[A\]: limited to 16\.0 MiB, leaked .*",
        ]
    )


def test_a_size_that_is_none_is_refused_with_its_test(project, suite):
    result = run(project, suite, "leak='six'")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_fits?A?: vlm_memory: leak: 'six' is not a size; write*"])


def test_what_cannot_be_measured_is_not_measured_and_breaks_a_limit(project, suite):
    for words, outcome in (("", "passed"), ("peak='1 GiB'", "failed")):
        suite(SUITE.format(words=words))
        project.samples(3)
        checkpoint = project.checkpoint("A") + "?device=xpu"
        result = project.gate(checkpoint)
        result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*not measured*"])


def test_the_guard_measures_a_block(project, suite):
    suite(
        """
        import numpy as np

        def test_block(memory_guard, predict, samples):
            with memory_guard(peak="300 MiB"):
                np.ones(200 * 2**17).sum()
            with memory_guard(peak="100 MiB"):
                np.ones(200 * 2**17).sum()
        """
    )
    project.samples(3)
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*limited to 100.0 MiB*"])


LEAKING = """
import numpy as np
import pytest

kept = []

@pytest.mark.vlm_memory(leak="16 MiB")
def test_keeps(predict, samples):
    predict(samples)
    big = np.ones({mib} * 2**17)
    {keep}
"""


@pytest.mark.parametrize(
    ("keep", "passes"), [("kept.append(big)", False), ("kept.append(big[:9].copy())", True)]
)
def test_what_a_test_keeps_is_judged_after_it_ended(project, suite, keep, passes):
    suite(LEAKING.format(mib=64, keep=keep))
    project.samples(3)
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(passed=1, errors=0 if passes else 1)
    if not passes:
        result.stdout.fnmatch_lines(["*limited to 16.0 MiB, leaked ??.? MiB on CPU*"])


def test_each_test_that_keeps_a_model_is_told_though_an_earlier_one_did_too(project, suite):
    suite(
        """
        import pytest

        kept = []

        @pytest.mark.vlm_memory(leak="1 GiB")
        @pytest.mark.parametrize("keeps", [True, False, True])
        def test_keeps(_vlm_session, checkpoint, predict, samples, keeps):
            predict(samples)
            if keeps:
                kept.append(_vlm_session.engine(checkpoint))
        """
    )
    project.samples(3)
    result = project.gate(project.checkpoint("A"))
    result.assert_outcomes(passed=3, errors=2)
    result.stdout.fnmatch_lines(["*A is still there, held by *: kept?0?", "*: kept?1?"])


def test_a_real_checkpoint_that_is_used_and_let_go_does_not_leak(project, suite):
    suite(LEAKING.format(mib=1, keep="pass"))
    project.samples(40)
    strong = Path(__file__).parents[2] / "app/digits/checkpoints/strong"
    result = project.pytester.runpytest(
        "--vlm-samples=samples.jsonl", f"--checkpoint=A={strong}", "--junitxml=junit.xml"
    )
    result.assert_outcomes(passed=1)
    assert (project.path / "junit.xml").read_text().count("<testcase") == 1


def test_a_leak_that_cannot_be_measured_breaks_its_limit(project, suite):
    suite(LEAKING.format(mib=1, keep="pass"))
    project.samples(3)
    result = project.gate(project.checkpoint("A") + "?device=xpu")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*limited to 16.0 MiB, not measured*"])


def test_a_leak_is_watched_without_a_samples_file_too(project, suite):
    suite(
        """
        import numpy as np
        import pytest

        kept = []

        @pytest.mark.vlm_memory(leak="16 MiB")
        def test_keeps(checkpoint):
            kept.append(np.ones(64 * 2**17))
        """
    )
    result = project.pytester.runpytest(
        "--vlm-engine=fake", f"--checkpoint={project.checkpoint('A')}"
    )
    result.assert_outcomes(passed=1, errors=1)


def test_maps_are_measured_anew_too(project, suite):
    suite(
        """
        from pytest_vlm.engine.fake import FakeEngine

        asked = []

        def test_again(relevance, samples, memory_guard, monkeypatch):
            original = FakeEngine.relevance

            def count(self, *arguments):
                asked.append(1)
                return original(self, *arguments)

            monkeypatch.setattr(FakeEngine, "relevance", count)
            relevance(samples[0])
            relevance(samples[0])
            assert len(asked) == 1
            with memory_guard():
                relevance(samples[0])
            assert len(asked) == 2
        """
    )
    project.samples(3)
    project.gate(project.checkpoint("A")).assert_outcomes(passed=1)
