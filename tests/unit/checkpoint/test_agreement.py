"""config.json against the shapes of the weights; what stock models do is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_vlm.checkpoint.agreement import check_agreement
from pytest_vlm.errors import CheckpointError

SHAPES = {
    "model.embed_tokens.weight": (8, 4),
    "model.layers.0.w": (4, 4),
    "model.layers.1.w": (4, 4),
    "model.visual.layers.0.w": (4, 4),
}
TEXT = {"vocab_size": 8, "hidden_size": 4, "num_hidden_layers": 2}


def check(config, shapes=SHAPES, dtypes=(), largest_id=7):
    check_agreement(
        Path("x"), config, shapes, dict.fromkeys(shapes, "BF16") | dict(dtypes), largest_id
    )


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (TEXT, {}),
        ({"text_config": TEXT}, {}),
        ({}, {}),
        ({"text_config": TEXT, "vision_config": {"depth": 3}}, {}),
        # Llama 3.2 Vision: rows for the image token beyond the vocabulary.
        ({"text_config": TEXT}, {"model.embed_tokens.weight": (16, 4)}),
        # OPT: embeddings narrower than the model.
        (TEXT | {"hidden_size": 6, "word_embed_proj_dim": 4}, {}),
        # Packed weights have other shapes.
        (TEXT | {"quantization_config": {}}, {"model.embed_tokens.weight": (8, 1)}),
        # InstructBLIP: words of the Q-Former; layers of towers that the text does not count.
        (TEXT, {"qformer.embeddings.word_embeddings.weight": (3, 2), "qformer.layers.0.w": (4,)}),
        (TEXT, {"audio.embed_tokens.weight": (3, 4), "model.encoder.layers.9.w": (4,)}),
        # Names that are none of ours.
        (TEXT | {"num_hidden_layers": 4}, {"model.layers.1.w": (4,), "model.layers.3.w": (4,)}),
    ],
)
def test_what_belongs_together_is_accepted(config, changes):
    check(config, SHAPES | changes)
    with pytest.raises(CheckpointError, match=r"n_layer = 99, but there are only \d tensors"):
        check(config | {"n_layer": 99}, SHAPES | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 9}, r"vocab_size = 9, but model\.embed_tokens\.weight has 8 rows"),
        ({"hidden_size": 5}, r"hidden_size = 5, but model\.embed_tokens\.weight is 4 wide"),
        ({"num_hidden_layers": 3}, r"num_hidden_layers = 3, but the weights have 2"),
        ({"num_hidden_layers": 10**9}, r"= 1,000,000,000, but there are only 4 tensors"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_what_does_not_is_refused_with_both_numbers(changes, message, nested):
    config = TEXT | changes
    with pytest.raises(CheckpointError, match=message):
        check({"text_config": config} if nested else config)


@pytest.mark.parametrize("prefix", ["", "model.", "model.language_model.", "language_model.model."])
def test_names_of_text_models_are_known(prefix):
    shapes = {f"{prefix}embed_tokens.weight": (8, 4), f"{prefix}layers.0.w": (4,), "x": (1,)}
    check(TEXT | {"num_hidden_layers": 1}, shapes)
    for changes in ({"num_hidden_layers": 2}, {"num_hidden_layers": 1, "vocab_size": 9}):
        with pytest.raises(CheckpointError, match="do not belong together"):
            check(TEXT | changes, shapes)


def test_ids_without_a_row_are_refused():
    with pytest.raises(CheckpointError, match=r"ids up to 8, but .* has rows up to 7"):
        check(TEXT, largest_id=8)


def test_float8_needs_scales():
    packed = {"model.layers.0.w": "F8_E4M3"}
    with pytest.raises(CheckpointError, match=r"F8_E4M3, but .* no quantization_config"):
        check(TEXT, dtypes=packed)
    check(TEXT | {"quantization_config": {}}, dtypes=packed)


@pytest.mark.parametrize("dtype", ["I8", "U8", "I32"])
def test_whole_numbers_need_scales_where_they_are_a_matrix_of_weights(dtype):
    packed = {"model.embed_tokens.weight": dtype}
    with pytest.raises(CheckpointError, match=rf"embed_tokens\.weight is of {dtype}, but config"):
        check(TEXT, dtypes=packed)
    check(TEXT | {"quantization_config": {}}, dtypes=packed)
    check(TEXT, dtypes={"model.layers.0.w": dtype})
