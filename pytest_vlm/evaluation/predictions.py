"""What a checkpoint answered, as values that outlive the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length", "error"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """Time and memory of one whole batch; never a share of it.

    Attributes:
        seconds: wall time of the batch.
        samples: rows in the batch.
        tokens: new tokens of all rows.
        first_token: wall time until the first token of every row was there; None where the engine
            cannot tell.
        peak: most bytes in use on the device during the batch; None where not measured.
    """

    seconds: float
    samples: int
    tokens: int
    first_token: float | None = None
    peak: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Completion:
    """One answer.

    Attributes:
        raw: everything that was generated, special tokens removed; behind ``<think>`` where the
            prompt opened it, so that the text alone says what is reasoning.
        reasoning: the part inside ``<think>...</think>``, empty without one.
        answer: what is left, stripped.
        finish_reason: ``stop`` ended by itself, ``length`` was truncated, ``error`` never came.
        tokens: number of new tokens, the end token included.
        seed: which of the sample's draws it is; 0 for the first and for greedy decoding.
    """

    raw: str
    reasoning: str
    answer: str
    finish_reason: FinishReason
    tokens: int
    seed: int = 0

    @classmethod
    def parse(
        cls,
        raw: str,
        *,
        finish_reason: FinishReason,
        tokens: int,
        seed: int = 0,
        thinking: bool = False,
    ) -> Completion:
        """Split the reasoning from the answer; some templates open it in the prompt.

        Args:
            raw: what was generated.
            finish_reason: why it ended.
            tokens: how many they were.
            seed: which of the sample's draws it is.
            thinking: whether the prompt is known to end in ``<think>``. Where it is not known, a
                text that only closes the reasoning was opened by its prompt.
        """
        if thinking and not raw.lstrip().startswith("<think>"):
            raw = f"<think>{raw}"
        opened_in_prompt = "</think>" in raw and "<think>" not in raw
        text = f"<think>{raw}" if opened_in_prompt else raw
        before, opened, rest = text.partition("<think>")
        inside, closed, after = rest.partition("</think>")
        answer = before + after if closed or not opened else ""
        return cls(
            raw=raw,
            reasoning=inside.strip(),
            answer=answer.strip(),
            finish_reason=finish_reason,
            tokens=tokens,
            seed=seed,
        )

    @property
    def unusable(self) -> Literal["truncated", "empty", "error"] | None:
        """Why this answer cannot be judged, or None where it can."""
        if self.finish_reason == "error":
            return "error"
        if self.finish_reason == "length":
            return "truncated"
        return None if self.answer else "empty"


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """What one checkpoint answered to one sample.

    Attributes:
        sample_id: of the sample.
        completions: at least one.
        visual_tokens: how many tokens the images became.
        batch_plan: digest of the plan it was computed under.
        measurement: of the whole batch it was part of.
        events: what happened on the way and may change numerics.
    """

    sample_id: str
    completions: tuple[Completion, ...]
    visual_tokens: int = 0
    batch_plan: str = ""
    measurement: Measurement | None = None
    events: tuple[str, ...] = ()

    @property
    def answer(self) -> str:
        """The first completion's answer."""
        return self.completions[0].answer

    @property
    def unusable(self) -> Literal["truncated", "empty", "error"] | None:
        """Why the first completion cannot be judged, or None."""
        return self.completions[0].unusable
