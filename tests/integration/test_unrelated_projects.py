"""A project that has the plugin installed and does not use it must not notice."""

from __future__ import annotations


def test_a_checkpoint_fixture_of_their_own_works_even_parametrised(pytester):
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(params=["one", "two"])
        def checkpoint(request):
            return request.param

        @pytest.fixture
        def compare():
            return "theirs"

        @pytest.fixture
        def samples():
            return [1, 2]
        """
    )
    pytester.makepyfile(
        """
        def test_theirs(checkpoint, compare, samples):
            assert (checkpoint in ("one", "two"), compare, samples) == (True, "theirs", [1, 2])
        """
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_overriding_samples_leaves_the_other_fixtures_working(project, suite):
    suite(
        """
        import pytest
        from pytest_vlm.scores import exact_match

        @pytest.fixture
        def samples(samples):
            return samples[:90]

        def test_answers(compare, samples):
            assert compare(samples, score=exact_match).assert_not_worse(margin=0.05).n == 90
        """
    )
    project.samples()
    same = {"accuracy": 0.9}
    result = project.gate(project.checkpoint("A", **same), project.checkpoint("B", **same))
    result.assert_outcomes(passed=2)


def test_no_files_and_no_sections_without_checkpoints(pytester):
    pytester.makepyfile("def test_plain(): pass")
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*vlm gate*")
    assert not (pytester.path / "vlm-report").exists()


def test_it_can_be_switched_off(pytester):
    pytester.makepyfile("def test_plain(): pass")
    pytester.runpytest("-p", "no:vlm").assert_outcomes(passed=1)


def test_help_names_every_option_and_the_ini_twins(pytester):
    from pytest_vlm.options.table import OPTIONS

    text = pytester.runpytest("--help").stdout.str()
    for option in OPTIONS:
        assert f"--vlm-{option.name}" in text
        if option.ini:
            assert f"{option.dest} " in text
