"""Names of goldens: safe on every system."""

from __future__ import annotations

import pytest

from pytest_vlm.errors import GoldenError
from pytest_vlm.golden.storage.names import check_id, is_id, scope_of, without_variant


@pytest.mark.parametrize(
    "id",
    [
        "test_x/seven",
        "test_x.TestY.test_z/v1.2",
        "test_x/a%2Fb",
        "test_x/-",
        "test_x/console",
        "test_x/7~cuda-bfloat16",
        "test_x/7~cpu",
        f"test_x/{'n' * 120}",
    ],
)
def test_takes_what_is_safe(id):
    check_id(id)
    assert is_id(id)


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("", "an id is TEST/NAME"),
        ("seven", "an id is TEST/NAME"),
        ("test_x/", "use letters"),
        ("/seven", "use letters"),
        ("/etc/passwd", "use letters"),
        ("../out/seven", "use letters"),
        ("test_x/..", "use letters"),
        ("test_x/../seven", "use letters"),
        ("../seven", "use letters"),
        ("test_x/a/b", "use letters"),
        ("test_x/.hidden", "at either end"),
        ("test_x/seven.", "at either end"),
        ("test_x/a\\b", "use letters"),
        ("C:/seven", "use letters"),
        ("test_x/a b", "use letters"),
        ("test_x/a\n", "use letters"),
        ("test_x/a\0", "use letters"),
        ("test_x/é", "use letters"),
        ("test_x/a~../b", "'~' sets off"),
        ("test_x/a~", "'~' sets off"),
        ("test_x/a~b~c", "'~' sets off"),
        ("test_x/CON", "Windows reserves it"),
        ("test_x/nul.v2", "Windows reserves it"),
        ("lpt1/seven", "Windows reserves it"),
        (f"test_x/{'n' * 121}", "121 characters, at most 120 fit"),
        (f"{'n' * 5000}/x", "5000 characters"),
    ],
)
def test_refuses_what_is_not(id, says):
    with pytest.raises(GoldenError, match="is no name for a golden") as refused:
        check_id(id)
    assert says in str(refused.value)
    assert len(str(refused.value)) < 300
    assert not is_id(id)


def test_an_id_without_its_variant():
    assert without_variant("test_x/7~cuda-bfloat16") == "test_x/7"
    assert without_variant("test_x/7") == "test_x/7"


@pytest.mark.parametrize(
    ("node", "scope"),
    [
        ("suites/test_x.py::test_y[B]", "test_x.test_y"),
        ("test_x.py::TestA::TestB::test_y", "test_x.TestA.TestB.test_y"),
        ("a[1]/test_x.py::test_y[B-c::d/e.py]", "test_x.test_y"),
        ("../venv/pytest_vlm/suites/test_x.py::test_y[B-[0]]", "test_x.test_y"),
    ],
)
def test_scope_is_the_test_without_folders_and_parameters(node, scope):
    assert scope_of(node) == scope
