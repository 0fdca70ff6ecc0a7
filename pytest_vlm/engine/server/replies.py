"""From a server's reply to a completion, or the reason why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytest_vlm.evaluation.predictions import Completion, FinishReason

ENDED = ("stop", "eos_token", "stop_sequence", "end_turn")  # the later ones are TGI's and others'
MOST_TOKENS = 2**31
LONGEST_SAYING = 300


class Unanswered(Exception):
    """One question has no answer.

    Attributes:
        silent: whether the server seems to be at fault rather than the question, so that several of
            these in a row end the run.
    """

    def __init__(self, reason: str, *, silent: bool) -> None:
        super().__init__(reason)
        self.silent = silent


@dataclass(frozen=True)
class Answer:
    """A completion and what is to be known about it."""

    completion: Completion
    events: Sequence[str] = ()


def read_reply(reply: Any, *, model: str, number: int) -> Answer:
    """The first choice of a chat completion.

    Reasoning that the server has taken out of the text is put back between ``<think>`` and
    ``</think>``, so that the text alone says what is reasoning.

    Args:
        reply: parsed JSON.
        model: who was asked.
        number: which of the sample's draws it is.

    Raises:
        Unanswered: it is no chat completion, or ended otherwise than by itself or at the length.
    """
    choices = reply.get("choices") if isinstance(reply, dict) else None
    if not isinstance(choices, list) or not choices:
        raise Unanswered("the reply holds no choices", silent=True)
    choice = choices[0] if isinstance(choices[0], dict) else {}
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Unanswered("the reply's choice holds no message", silent=True)
    tokens = _tokens(reply.get("usage"))
    completion = Completion.parse(
        _text(message),
        finish_reason=_finish(choice.get("finish_reason")),
        tokens=tokens or 0,
        seed=number,
    )
    who = reply.get("model", model)
    events = []
    if who != model and isinstance(who, str):
        events.append(f"the server answered as the model {printable(who)}")
    if tokens is None:
        events.append("the server did not say how many tokens it made")
    return Answer(completion, events)


def complaint(reply: Any) -> str:
    """What the error in a reply says, in the shapes that servers give it; empty without one."""
    for name in ("error", "message", "detail"):
        if not isinstance(reply, dict):
            break
        reply = reply.get(name, reply)
    return reply if isinstance(reply, str) else ""


def printable(text: str, longest: int = LONGEST_SAYING) -> str:
    """What a stranger said, as one line that a terminal can show."""
    words = " ".join(text[: 4 * longest].split())
    plain = "".join(letter for letter in words if letter.isprintable())
    return plain if len(plain) <= longest else f"{plain[:longest]}..."


def _finish(reason: Any) -> FinishReason:
    if reason in ENDED:
        return "stop"
    if reason == "length":
        return "length"
    said = "without a reason" if reason is None else f"by {printable(str(reason), 40)}"
    raise Unanswered(f"the server ended the answer {said}", silent=False)


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    if content is not None and not isinstance(content, str):
        raise Unanswered(f"the reply's content is a {type(content).__name__}", silent=True)
    spoken = _storable(content or "")
    for name in ("reasoning_content", "reasoning"):
        reasoning = message.get(name)
        if isinstance(reasoning, str) and reasoning:
            return f"<think>{_storable(reasoning)}</think>{spoken}"
    return spoken


def _storable(text: str) -> str:
    """JSON can spell halves of characters, which nothing can store."""
    return text.encode("utf-8", "replace").decode()


def _tokens(usage: Any) -> int | None:
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < MOST_TOKENS:
        return None
    return count
