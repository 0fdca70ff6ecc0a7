"""What is still free, from Linux' own words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vlm.memory.available import available

GIB = 2**30


@pytest.fixture
def linux(tmp_path: Path):
    """A machine with 8 GiB free, in a container without a limit."""
    (tmp_path / "meminfo").write_text("MemTotal: 99999999 kB\nMemAvailable:    8388608 kB\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{3 * GIB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GIB}\n")
    return tmp_path


def free(linux: Path) -> int | None:
    return available("cpu", proc=linux, cgroup=linux)


def test_without_a_limit_the_machine_decides(linux):
    assert free(linux) == 8 * GIB


def test_the_limit_of_a_container_counts_less_what_it_uses_and_cannot_give_back(linux):
    (linux / "memory.max").write_text(f"{6 * GIB}\n")
    assert free(linux) == 4 * GIB


def test_nothing_is_left_of_a_limit_that_is_used_up(linux):
    (linux / "memory.max").write_text(f"{GIB}\n")
    assert free(linux) == 0


def test_where_nothing_is_told_nothing_is_known(tmp_path):
    assert free(tmp_path) is None


def test_this_machine_has_some():
    found = available("cpu")
    assert found is None or found > 2**20


@pytest.mark.parametrize("device", ["xpu", "server"])
def test_a_device_that_is_not_there_is_unknown(device):
    assert available(device) is None
