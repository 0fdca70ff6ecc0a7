"""What the app does, without a page: one picture and one question, answered by every checkpoint."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from PIL import Image

from app.question import Refusal, read_question
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import EngineError, RelevanceUnavailable
from pytest_vlm.evaluation.predictions import FinishReason, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.heatmap.heatmap import Heatmap
from pytest_vlm.heatmap.rendering import overlay, png
from pytest_vlm.memory.guard import MemoryGuard
from pytest_vlm.memory.meters import meter_for
from pytest_vlm.memory.use import MemoryUse
from pytest_vlm.protocols import Engine
from pytest_vlm.session import Session

OVERLAY_EDGE = 768
WARM_UP_SIZE = (224, 224)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one checkpoint did with the question.

    Attributes:
        answer: without its reasoning.
        finish_reason: ``stop``, ``length`` (truncated) or ``error``.
        tokens: new tokens, the end token included.
        visual_tokens: how many tokens the picture became.
        seconds: wall time from the opened question to the answer; the map is not part of it.
        peak_memory: bytes while answering, above what was in use before; None where not measured.
        overlay: the picture under its relevance map as a PNG data URI; None without a map.
        no_relevance: why there is no map; empty where there is one.
    """

    checkpoint: str
    answer: str
    finish_reason: FinishReason
    tokens: int
    visual_tokens: int
    seconds: float
    peak_memory: int | None
    overlay: str | None
    no_relevance: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One question and every checkpoint's finding, in the order asked.

    Attributes:
        sample: of the dataset where picture and query are one of its samples, so that its accepted
            answers are known.
    """

    sample: Sample
    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True)
class _Trial:
    prediction: Prediction
    seconds: float
    peak_memory: int | None
    heatmap: Heatmap | None
    no_relevance: str


class Microscope:
    """Asks the checkpoints of a session, one question at a time.

    Args:
        session: with room for every checkpoint; its remembered answers are not used, so that each
            question is measured afresh.
        known: samples whose accepted answers are known.
    """

    def __init__(self, session: Session, known: Iterable[Sample] = ()) -> None:
        self._session = session
        self._specs = {spec.name: spec for spec in session.checkpoints}
        self._known = {sample.digest: sample for sample in known}
        # A cancelled request leaves Gradio's queue while its thread still runs the model.
        self._one_at_a_time = threading.Lock()

    @property
    def sources(self) -> Mapping[str, str]:
        """Where each checkpoint comes from, by name."""
        return {name: spec.source for name, spec in self._specs.items()}

    def load(self) -> None:
        """Load every checkpoint and let it answer once, so that no question pays for the start.

        Raises:
            VlmError: a checkpoint that cannot be loaded or cannot answer.
        """
        blank = Sample.ask(
            id="warm-up", image=png(Image.new("RGB", WARM_UP_SIZE, "gray")), query="What is this?"
        )
        shortest = replace(self._session.settings.generation, max_new_tokens=1)
        for spec in self._specs.values():
            with self._session.lease(spec) as engine:
                try:
                    next(engine.predict([[blank]], shortest))
                except Exception as error:
                    raise EngineError(
                        f"{spec.name} ({spec.source}) was loaded but cannot answer: {error}"
                    ) from error

    def compare(self, image: object, query: object, checkpoints: object) -> Comparison:
        """Ask every named checkpoint; the arguments come from outside and are checked here.

        Args:
            image: path of a picture.
            query: the question.
            checkpoints: names, each at most once.

        Raises:
            Refusal: an argument that cannot be used.
            VlmError: a checkpoint that cannot answer.
        """
        specs = self._choose(checkpoints)
        asked = read_question(image, query)
        sample = self._known.get(asked.digest, asked)
        with self._one_at_a_time:
            trials = {spec.name: self._try(spec, sample) for spec in specs}
        # One colour scale, or a faint map would look as sure as a strong one.
        maps = [trial.heatmap for trial in trials.values() if trial.heatmap is not None]
        top = max((float(heatmap.values.max()) for heatmap in maps), default=0.0)
        picture = sample.frames[0].open()
        findings = tuple(_finding(name, trial, picture, top) for name, trial in trials.items())
        return Comparison(sample=sample, findings=findings)

    def _choose(self, names: object) -> list[CheckpointSpec]:
        known = ", ".join(self._specs)
        if not isinstance(names, list) or not names:
            raise Refusal("No checkpoint", f"Choose at least one of {known}.")
        for name in names:
            if not isinstance(name, str) or name not in self._specs:
                raise Refusal("Unknown checkpoint", f"{name!r} is not loaded; ask {known}.")
        if len(set(names)) < len(names):
            raise Refusal("A checkpoint twice", f"Name each of {known} at most once.")
        return [self._specs[name] for name in names]

    def _try(self, spec: CheckpointSpec, sample: Sample) -> _Trial:
        with self._session.lease(spec) as engine:
            return self._ask(engine, sample)

    def _ask(self, engine: Engine, sample: Sample) -> _Trial:
        uses: list[MemoryUse] = []
        with MemoryGuard(meter_for(engine.device), None, uses.append):
            start = time.perf_counter()
            [prediction] = next(engine.predict([[sample]], self._session.settings.generation))
            seconds = time.perf_counter() - start
        heatmap, no_relevance = self._relevance(engine, sample, prediction)
        return _Trial(
            prediction=prediction,
            seconds=seconds,
            peak_memory=uses[0].bytes,
            heatmap=heatmap,
            no_relevance=no_relevance,
        )

    def _relevance(
        self, engine: Engine, sample: Sample, prediction: Prediction
    ) -> tuple[Heatmap | None, str]:
        if prediction.unusable == "error":
            return None, "there is no answer to explain"
        if engine.no_relevance:
            return None, engine.no_relevance
        try:
            maps = engine.relevance([sample], [prediction], self._session.settings.generation)
        except RelevanceUnavailable as error:
            return None, str(error)
        return maps[0], ""


def _finding(name: str, trial: _Trial, picture: Image.Image, top: float) -> Finding:
    completion = trial.prediction.completions[0]
    return Finding(
        checkpoint=name,
        answer=completion.answer,
        finish_reason=completion.finish_reason,
        tokens=completion.tokens,
        visual_tokens=trial.prediction.visual_tokens,
        seconds=trial.seconds,
        peak_memory=trial.peak_memory,
        overlay=None if trial.heatmap is None else _draw(picture, trial.heatmap, top),
        no_relevance=trial.no_relevance,
    )


def _draw(picture: Image.Image, heatmap: Heatmap, top: float) -> str:
    # A photo's full size would make megabytes of data URI and look the same on the page.
    shrink = min(1.0, OVERLAY_EDGE / max(picture.size))
    if shrink < 1:
        size = (round(picture.width * shrink), round(picture.height * shrink))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        heatmap = replace(heatmap, boxes=heatmap.boxes * shrink)
    return data_uri(overlay(picture, heatmap, top=top))


def data_uri(picture: Image.Image) -> str:
    """A picture that a page can hold without a file."""
    return "data:image/png;base64," + base64.b64encode(png(picture)).decode()
