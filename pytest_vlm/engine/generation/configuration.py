"""A checkpoint's own generation settings, as far as a run leaves them to it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pytest_vlm.settings import GenerationSettings


def leave_out_other_searches(model: Any) -> tuple[str, ...]:
    """Take out of a model's own settings what is no greedy search for one answer a row.

    ``generate`` takes from there what it is not told. A limit in seconds goes as well: an answer
    would depend on the machine.

    Returns:
        The texts that end its answers, which go as well: not every tokenizer can be searched for
        them as ``generate`` does it.
    """
    own = model.generation_config.stop_strings or ()
    model.generation_config.update(
        stop_strings=None,
        num_return_sequences=1,
        return_dict_in_generate=False,
        penalty_alpha=None,
        dola_layers=None,
        prompt_lookup_num_tokens=None,
        assistant_early_exit=None,
        max_time=None,
    )
    return (own,) if isinstance(own, str) else tuple(own)


def greedy_config(model: Any, tokenizer: Any, settings: GenerationSettings) -> Any:
    """A ``GenerationConfig`` that takes the likeliest token; draws are made by a processor."""
    config = deepcopy(model.generation_config)
    config.update(
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        max_length=None,
        max_new_tokens=settings.max_new_tokens,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=sorted(end_tokens(model, tokenizer)),
    )
    return config


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer."""
    declared = model.generation_config.eos_token_id
    if declared is None:
        declared = tokenizer.eos_token_id
    return frozenset(declared if isinstance(declared, list) else {declared} - {None})
