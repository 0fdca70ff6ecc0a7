"""One golden belongs to one test and one map."""

from __future__ import annotations

import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.asked import AskedGoldens

ID, TEST = "test_x.test_y/seven", "a/test_x.py::test_y[B]"


@pytest.fixture
def asked() -> AskedGoldens:
    known = AskedGoldens()
    known.claim("B", ID, TEST, "1")
    return known


def refuses(asked: AskedGoldens, *claim: str) -> bool:
    """Whether a claim meets one that is remembered."""
    try:
        asked.claim(*claim)
    except GoldenError:
        return True
    return False


def test_a_test_that_is_run_again_asks_again(asked):
    assert not refuses(asked, "B", ID, TEST, "1")


def test_every_candidate_has_its_own(asked):
    own = "a/test_x.py::test_y[C]"
    assert not refuses(asked, "C", ID, own, "2")
    assert refuses(asked, "C", ID, own, "1")


def test_other_names_are_other_goldens(asked):
    assert not refuses(asked, "B", f"{ID}-2", TEST, "2")
    assert refuses(asked, "B", f"{ID}-2", TEST, "1")


def test_two_cases_of_one_test_are_told_to_put_it_into_the_name(asked):
    with pytest.raises(GoldenError, match=r"two tests have the golden .* leaves out") as no:
        asked.claim("B", ID, "a/test_x.py::test_y[B-2]", "1")
    assert TEST in str(no.value)
    assert 'golden(f"seven-{case}")' in str(no.value)


def test_two_modules_of_one_name_are_told_to_be_renamed(asked):
    with pytest.raises(GoldenError, match=r"two tests have the golden .* Rename"):
        asked.claim("B", ID, "b/test_x.py::test_y[B]", "1")


def test_two_maps_of_one_test_are_told_to_have_two_names(asked):
    with pytest.raises(GoldenError, match=r"two different things as the golden 'seven'; .*seven-2"):
        asked.claim("B", ID, TEST, "2")


def test_names_that_differ_in_upper_case_alone_are_refused(asked):
    with pytest.raises(GoldenError, match="the same to Windows and macOS"):
        asked.claim("B", ID.replace("seven", "Seven"), TEST, "1")
