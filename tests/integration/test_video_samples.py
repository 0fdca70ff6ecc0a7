"""A sample with a video goes through plan, cache, score and report like any other."""

from __future__ import annotations

import json

from PIL import Image

SUITE = """
from pytest_vlm.scores import exact_match, pointing_game

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)

def test_maps(compare, samples):
    compare(samples, score=pointing_game).report()
"""
CLIPS, FRAMES = 80, 3


def clips(project) -> None:
    """Each sample a still picture and a video whose frames have another size."""
    lines = []
    for number in range(CLIPS):
        shown = []
        for frame in range(FRAMES + 1):
            path = project.path / f"{number}-{frame}.png"
            Image.new("RGB", (240 + 20 * frame, 230), (number, frame, 7)).save(path)
            shown.append(path.name)
        content = [
            {"type": "video", "video": shown[1:]},
            {"type": "image", "image": shown[0]},
            {"type": "text", "text": "What happens?"},
        ]
        messages = [{"role": "user", "content": content}]
        row = {"id": f"c{number}", "messages": messages, "target": "a cat"}
        lines.append(json.dumps({**row, "region": [0, 0, 40, 40]}))
    (project.path / "samples.jsonl").write_text("\n".join(lines))


def test_videos_are_answered_once_kept_and_shown(project, suite):
    suite(SUITE)
    clips(project)
    sides = project.checkpoint("A", accuracy=0.95), project.checkpoint("B", accuracy=0.5)
    assert project.gate(*sides).ret == 1
    first = project.report()
    flips = [
        flip
        for file in (project.path / "vlm-report/evidence").glob("*/flips.json")
        for flip in json.loads(file.read_text())["flips"]
        if "image" in flip
    ]
    assert flips
    assert {flip["picture"] for flip in flips} == {f"image 1 of {FRAMES + 1}"}
    assert all("baseline_map" in flip and "candidate_map" in flip for flip in flips)
    assert "data:image/png" in (project.path / "vlm-report/index.html").read_text()
    assert project.gate(*sides).ret == 1
    again = project.report()
    claims = [[r for r in run["records"] if "sentence" in r] for run in (first, again)]
    assert claims[0] == claims[1]
    assert "reused" in json.dumps(again["records"])
