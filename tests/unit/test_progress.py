"""What the bar says, whoever draws it."""

from __future__ import annotations

import pytest

from pytest_vlm.progress import WIDTH, bar_text


@pytest.mark.parametrize(
    ("done", "total", "filled"),
    [(0, 100, 0), (1, 100, 0), (50, 100, WIDTH // 2), (99, 100, WIDTH - 1), (100, 100, WIDTH)],
)
def test_the_bar_is_full_only_when_all_is_done(done, total, filled):
    drawn = "█" * filled + "░" * (WIDTH - filled)
    assert bar_text("A: answers", done, total) == f"  A: answers {drawn} {done}/{total}"


def test_no_samples_are_done():
    assert bar_text("A", 0, 0, seconds=1.0) == f"  A {'█' * WIDTH} 0/0"


def test_the_rate_is_that_of_what_is_done_and_tells_what_is_left():
    assert bar_text("A", 20, 100, seconds=4.0).endswith(" 20/100  5 samples/s, 16 s left")


def test_nothing_is_said_of_the_speed_before_anything_is_done():
    assert bar_text("A", 0, 100, seconds=4.0).endswith(" 0/100")


def test_memory_in_use_is_said_last():
    text = bar_text("A", 20, 100, seconds=4.0, memory=3 * 2**30)
    assert text.endswith("16 s left, 3.0 GiB in use")
