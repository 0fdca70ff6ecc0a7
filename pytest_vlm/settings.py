"""What a run was asked to do, as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pytest_vlm.errors import SettingsError

DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")
DEVICE = re.compile(r"auto|cpu(\+cpu)?|(?!auto|cpu)[a-z]+(:\d{1,3})?(\+cpu)?")


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How answers are generated; the same for every checkpoint of a run.

    Attributes:
        max_new_tokens: answers that reach it without ending count as truncated.
        stop: texts that end an answer; they are not part of it.
        temperature: 0 decodes greedily; above it, answers are drawn with the checkpoint's own top-k
            and top-p, and a sample's draws do not depend on its batch.
        completions: answers drawn for each sample; needs a temperature.
        seed: of the draws; both sides of a comparison share them.
        system_prompt: put before the messages of each sample that has no system message.
        max_pixels: larger pictures are made smaller; None leaves them to the image processor.
        video_frames: a longer video is thinned to so many frames, evenly spread; None takes all.
        thinking_budget: tokens after which reasoning is ended by force; None lets it run.
        batch_size: samples a batch. Part of the settings because batching changes numerics.
        batch_tokens: a batch ends before its rows, padded, have more tokens (estimated: four bytes
            of text, or 28x28 pixels, a token).
    """

    max_new_tokens: int = 64
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    completions: int = 1
    seed: int = 0
    system_prompt: str | None = None
    max_pixels: int | None = None
    video_frames: int | None = None
    thinking_budget: int | None = None
    batch_size: int = 16
    batch_tokens: int = 65536

    def __post_init__(self) -> None:
        if self.completions > 1 and self.temperature == 0:
            raise SettingsError(
                f"{self.completions} completions of a greedy answer are all the same; "
                "add --vlm-temperature 0.7"
            )


@dataclass(frozen=True, kw_only=True)
class RelevanceSettings:
    """How relevance maps are made, where a test does not say it itself.

    Attributes:
        method: ``attention``, ``rollout``, ``grad_attention``, ``pixel_gradient``, ``occlusion``,
            ``own`` (the model's), or one of an engine of another package.
        budget: most forward passes that one question for maps may cost where a method takes more
            than one a sample; it does not change a map.
    """

    method: str = "attention"
    budget: int = 10_000


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """How a checkpoint is loaded; ``--checkpoint "B=path?dtype=bfloat16"`` overrides it for one.

    Attributes:
        dtype: one of `DTYPES`; ``"auto"`` is the one the checkpoint was saved in.
        device: ``"auto"`` takes CUDA where there is one, else the CPU.
        attention: an attention implementation of transformers, or ``"auto"``.
    """

    dtype: str = "auto"
    device: str = "auto"
    attention: str = "auto"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise SettingsError(f"dtype={self.dtype} is none of {', '.join(DTYPES)}")
        if not DEVICE.fullmatch(self.device):
            raise SettingsError(
                f"device={self.device} is no device; write auto, cpu, cuda, cuda:1, ..., or "
                "cuda:0+cpu for weights that wait in the CPU's memory"
            )
        if not self.attention:
            raise SettingsError("attention= names none; write auto, sdpa, eager, ...")

    def __str__(self) -> str:
        return f"dtype={self.dtype}, device={self.device}, attention={self.attention}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run: the subject, the data, the claims' error rate, and where results go.

    Attributes:
        allow_different: of ``processor``, ``tokenizer`` and ``template``, what may differ between
            the checkpoints.
        anchor: a checkpoint of long ago, which no candidate may fall behind.
        anchor_margins: how many of its margins a claim may have lost since then.
        sequential: ``anytime`` asks only as much as a verdict needs, in a random order.
        memory_budget: bytes that loaded checkpoints may take together; None for what is free.
        max_loaded: how many of them at most; None for as many as fit.
        target: what such a verdict is about: all that could be asked, or these samples only.
    """

    checkpoints: tuple[str, ...] = ()
    samples: Path | str | None = None
    media_root: Path | None = None
    engine: str = "local"
    limit: int | None = None
    allow_different: frozenset[str] = frozenset()
    alpha: float = 0.05
    anchor: str | None = None
    anchor_margins: float = 1.0
    sequential: Literal["anytime"] | None = None
    target: Literal["population", "dataset"] = "population"
    inconclusive: Literal["fail", "warn"] = "fail"
    memory_budget: int | None = None
    max_loaded: int | None = None
    check_batching: int = 0
    cache_dir: Path | None = None
    no_cache: bool = False
    app: str | None = None
    app_url: str | None = None
    report: Path | None = None
    log: Path | None = None
    goldens: Path = Path("goldens")
    accept_goldens: bool = False
    generation: GenerationSettings = field(default_factory=GenerationSettings)
    relevance: RelevanceSettings = field(default_factory=RelevanceSettings)
    load: LoadSettings = field(default_factory=LoadSettings)

    def __post_init__(self) -> None:
        if self.target == "dataset" and self.sequential is None:
            raise SettingsError(
                "a verdict about this dataset only needs early stopping; add "
                "--vlm-sequential anytime"
            )
