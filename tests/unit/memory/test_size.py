"""Sizes in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.errors import SettingsError
from pytest_vlm.memory.size import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("14 GiB", 14 * 2**30),
        ("512MiB", 2**29),
        ("16 mib", 2**24),
        ("1.5 GB", 1_500_000_000),
        ("2 KiB", 2048),
        ("2 kB", 2000),
        ("3 MB", 3_000_000),
        ("1 TiB", 2**40),
        ("7 B", 7),
        ("7", 7),
        (7, 7),
        (" 0.5 GiB ", 2**29),
        ("0", 0),
    ],
)
def test_parses(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text",
    [
        "",
        "GiB",
        "14 GiBs",
        "14 Gi",
        "-1 GiB",
        "1e3",
        "1,5 GB",
        "1.GB",
        "a lot",
        "inf",
        "nan",
        "1 2",
    ],
)
def test_refuses_what_is_no_size(text):
    with pytest.raises(SettingsError, match=r"is not a size; write for example '14 GiB'"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (200 * 2**20, "200.0 MiB"),
        (13.4 * 2**30, "13.4 GiB"),
        (2**41, "2048.0 GiB"),
    ],
)
def test_formats(size, text):
    assert format_size(size) == text


@given(st.integers(0, 2**45))
def test_what_is_formatted_can_be_parsed_and_is_close(size):
    assert parse_size(format_size(size)) == pytest.approx(size, rel=0.05)
