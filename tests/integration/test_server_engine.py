"""Checkpoints behind a server on loopback that answers from the real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_server import Asked, ChatServer, Said, answering, completion, listing, serving

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.engine import ServerEngine, load_server
from pytest_vlm.evaluation.samples import Message, Sample, Text, Video
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
NAMES = ("weak", "strong")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    settings = Settings(
        checkpoints=tuple(f"{name}={DIGITS / 'checkpoints' / name}" for name in NAMES),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=48,
        max_loaded=2,
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as session:
        yield session


@pytest.fixture(scope="module")
def server(digits):
    engines = {spec.name: digits.engine(spec) for spec in digits.checkpoints}
    with serving(answering(engines), lambda _: listing(*NAMES)) as running:
        yield running


@pytest.fixture
def remote(server: ChatServer):
    engine = load_server(CheckpointSpec(name="B", source=f"{server.address}#strong"))
    yield engine
    engine.close()


def same(remote: ServerEngine, digits: Session, sample: Sample, settings: GenerationSettings):
    strong = digits.engine(digits.checkpoints[1])
    ((local,),) = strong.predict([[sample]], settings)
    ((found,),) = remote.predict([[sample]], settings)
    assert found.completions == local.completions
    assert found.unusable is None
    return found


def test_answers_are_those_of_the_checkpoint_itself(remote, digits):
    samples, settings = list(digits.samples), digits.settings.generation
    local = digits.predict(digits.checkpoints[1], samples)
    batches = [samples[place : place + 16] for place in range(0, len(samples), 16)]
    found = [one for batch in remote.predict(batches, settings) for one in batch]
    assert [p.sample_id for p in found] == [sample.id for sample in samples]
    assert [p.completions for p in found] == [p.completions for p in local]
    assert len({p.answer for p in found}) > 5


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_every_format_and_orientation_is_seen_alike(remote, digits, form, turn, tmp_path):
    from PIL import Image

    path, exif = tmp_path / "picture", Image.Exif()
    exif[0x0112] = turn
    digits.samples[0].frames[0].open().save(path, form, exif=exif)
    sample = Sample.ask(id="1", image=path, query=digits.samples[0].query)
    assert same(remote, digits, sample, GenerationSettings()).answer
    assert same(remote, digits, sample, GenerationSettings(max_pixels=48 * 48)).answer


def test_a_video_is_its_frames(remote, digits):
    frames = tuple(dict.fromkeys(frame for s in digits.samples for frame in s.frames))[:6]
    parts = (Video(frames=frames), Text(text=digits.samples[0].query))
    sample = Sample(id="clip", messages=(Message(role="user", parts=parts),))
    assert same(remote, digits, sample, GenerationSettings(video_frames=3)).answer


def test_a_truncated_answer_is_truncated_behind_a_server_too(remote, digits):
    sample = next(sample for sample in digits.samples if "read" in sample.tags)
    ((found,),) = remote.predict([[sample]], GenerationSettings(max_new_tokens=2))
    assert found.unusable == "truncated"
    assert found.completions[0].tokens == 2


def test_what_the_model_cannot_be_asked_is_an_error_of_that_sample(remote, digits):
    asked = [
        digits.samples[0],
        Sample.ask(id="long", image=digits.samples[0].frames[0].source, query="what " * 2000 + "?"),
    ]
    (answers,) = remote.predict([asked], GenerationSettings())
    assert [p.unusable for p in answers] == [None, "error"]
    assert "the server answers 400: its prompt has 2," in answers[1].events[0]


SUITE = """
from pytest_vlm.scores import exact_match

def test_answers(compare, samples):
    compare(samples, score=exact_match).assert_not_worse(margin=0.05)
"""

WITHOUT_TORCH = """
import sys

sys.modules.update(torch=None, transformers=None)
"""


@pytest.fixture
def gate(pytester, suite):
    """Runs a gate between two models of one server."""
    suite(SUITE)
    lines = (DIGITS / "heldout/samples.jsonl").read_text().splitlines()[:80]
    (pytester.path / "samples.jsonl").write_text("\n".join(lines))

    def run(server: ChatServer, baseline: str, candidate: str) -> pytest.RunResult:
        return pytester.runpytest_subprocess(
            f"--checkpoint=A={server.address}#{baseline}",
            f"--checkpoint=B={server.address}#{candidate}",
            "--vlm-samples=samples.jsonl",
            f"--vlm-media-root={DIGITS / 'heldout'}",
            timeout=120,
        )

    return run


def test_a_better_checkpoint_on_a_server_ships(gate, server, project):
    result = gate(server, "weak", "strong")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["SHIP  B against A", "*Not worse: a loss of 5 points or more*"])
    assert project.verdicts() == {"B": "SHIP"}


def test_a_worse_one_is_held(gate, server, project):
    result = gate(server, "strong", "weak")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["HOLD  B against A", "*Worse: the candidate loses more than*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_a_server_that_stops_answering_is_no_pass(gate, project):
    def answer(asked: Asked) -> Said:
        if asked.number < 100:
            return completion("7")
        return Said({"error": {"message": "the trial is over"}}, status=403)

    with serving(answer, lambda _: listing("one", "other")) as server:
        result = gate(server, "one", "other")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*answers 403: the trial is over; put the key into*VLM_API_KEY*"])
    assert project.verdicts() == {"B": "HOLD"}


def test_a_gate_of_servers_needs_no_torch(gate, server, project, pytester):
    pytester.makeconftest(WITHOUT_TORCH)
    assert gate(server, "weak", "strong").ret == 0
    assert project.verdicts() == {"B": "SHIP"}
