"""Names of logs, without anybody giving one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.logs.naming import name_logs

RUN = "2026-11-21T04-50-4{}-00-00_{}_9nHsiDkyVEwUfSnW3GkE2C.eval"


def names(*arguments):
    return tuple(name for name, _ in name_logs(*arguments))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("old.jsonl", "new.jsonl.gz"), ("old", "new")),
        (("Qwen2.5-VL_MMB.xlsx", "Qwen2-VL_MMB.xlsx"), ("Qwen2.5-VL_MMB", "Qwen2-VL_MMB")),
        (("l/a/samples_vqa_1.jsonl", "l/b/samples_vqa_2.jsonl"), ("a", "b")),
        (("l/a/1_samples_mme.jsonl", "l/b/2_samples_mme.jsonl"), ("a", "b")),
        (("l/a/samples_x.jsonl", "l/a/samples_y.jsonl"), ("samples_x", "samples_y")),
        (("a/log.jsonl", "b/log.jsonl"), ("a", "b")),
        ((RUN.format(1, "vqa"), RUN.format(2, "vqa")), ("A", "B")),
        ((RUN.format(1, "vqa"), RUN.format(2, "ocr")), ("vqa", "ocr")),
        (("old=x.jsonl", "x.jsonl"), ("old", "B")),
        (("=x.jsonl", "y.jsonl"), ("=x", "y")),
    ],
)
def test_a_name_is_what_tells_the_paths_apart(paths, expected):
    assert names(*paths) == expected


def test_a_given_name_goes_before_the_path_unless_the_path_exists(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert name_logs("old=~/x.jsonl", "y.jsonl")[0] == ("old", Path("/home/me/x.jsonl"))
    (tmp_path / "old=x.jsonl").touch()
    assert name_logs("old=x.jsonl", "y.jsonl")[0] == ("old=x", Path("old=x.jsonl"))


def test_one_name_for_both_is_refused():
    with pytest.raises(SettingsError, match=r"both are called x; name them: A=a\.jsonl B=b\.jsonl"):
        name_logs("x=a.jsonl", "x=b.jsonl")
