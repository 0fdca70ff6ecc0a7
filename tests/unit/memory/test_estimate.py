"""What a checkpoint will need: exact where it can be, against real models; never a crash."""

from __future__ import annotations

import json
import weakref
from collections import Counter
from math import prod
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_llava import IMAGE_SIZE, save_tiny_llava
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoModelForImageTextToText

from pytest_vlm.checkpoint.files.safetensors_header import read_header
from pytest_vlm.memory.estimate import Estimate, Prompt, estimate
from pytest_vlm.settings import GenerationSettings, LoadSettings

DIGITS = Path(__file__).parents[3] / "app" / "digits" / "checkpoints" / "strong"
LLAVA_7B = {
    "text_config": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32064,
    },
    "vision_config": {"image_size": 336, "patch_size": 14, "hidden_size": 1024},
    "image_seq_length": 576,
}
TEXT = {"num_hidden_layers": 4, "num_attention_heads": 8, "hidden_size": 64, "vocab_size": 10}
ASKED = GenerationSettings(max_new_tokens=5, batch_size=2)


def stored(folder: Path) -> Counter[str]:
    header = read_header(folder / "model.safetensors")
    values = Counter[str]()
    for name, shape in header.shapes.items():
        values[header.dtypes[name]] += prod(shape)
    return values


def guess(config, *, values=None, load=LoadSettings(), asked=ASKED, prompt=Prompt(words=3)):  # noqa: B008
    return estimate(
        stored=values or {"F32": 100}, config=config, load=load, generation=asked, prompt=prompt
    )


@pytest.fixture(scope="module")
def llava(tmp_path_factory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava"))


class Live(TorchDispatchMode):
    """The most bytes of tensors that were alive at a time, those of before left out."""

    def __init__(self, before):
        super().__init__()
        self.peak = self.now = 0
        self._known = {t.untyped_storage()._cdata: 0 for t in before}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known:
                    self._known[storage._cdata] = storage.nbytes()
                    self.now += storage.nbytes()
                    self.peak = max(self.peak, self.now)
                    weakref.finalize(storage, self._drop, storage._cdata)
        return out

    def _drop(self, key):
        self.now -= self._known.pop(key, 0)


def inputs(model, kind, rows, words):
    """A batch of prompts with one picture each."""
    config = model.config
    ids = torch.randint(7, 17, (rows, words))
    if kind == "llava":
        visual = torch.full((rows, config.image_seq_length), config.image_token_index)
        pixels = {"pixel_values": torch.rand(rows, 3, IMAGE_SIZE, IMAGE_SIZE)}
    else:
        side = 8  # patches; 2 x 2 of them make a token
        visual = torch.full((rows, side * side // 4), config.image_token_id)
        patch = prod((3, 2, 8, 8))
        pixels = {
            "pixel_values": torch.rand(rows * side * side, patch),
            "image_grid_thw": torch.tensor([[1, side, side]] * rows),
        }
    ids = torch.cat([ids[:, :1], visual, ids[:, 1:]], 1)
    extra = {"mm_token_type_ids": (ids == visual[0, 0]).int()} if kind == "digits" else {}
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pixels, **extra}


@pytest.mark.parametrize("kind", ["llava", "digits"])
@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_a_real_model_takes_what_was_estimated(llava, kind, dtype):
    folder = llava if kind == "llava" else DIGITS
    rows, words, new = 3, 40, 6
    found = estimate(
        stored=stored(folder),
        config=json.loads((folder / "config.json").read_text()),
        load=LoadSettings(dtype=dtype),
        generation=GenerationSettings(max_new_tokens=new, batch_size=rows),
        prompt=Prompt(words=words, pixels=[64 * 64]),
    )
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype).eval()
    weights = {p.untyped_storage().data_ptr(): p.nbytes for p in model.parameters()}
    assert found.weights == sum(weights.values())
    batch = {
        name: value.to(model.dtype) if value.is_floating_point() else value
        for name, value in inputs(model, kind, rows, words).items()
    }
    live = Live([*model.parameters(), *model.buffers(), *batch.values()])
    with torch.no_grad(), live:
        out = model.generate(
            **batch,
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            return_dict_in_generate=True,
        )
    layers = out.past_key_values.layers
    assert found.cache == sum(
        tensor.untyped_storage().nbytes()
        for layer in layers
        for tensor in (layer.keys, layer.values)
    )
    assert live.peak <= 1.1 * found.working
    assert found.working <= 2.5 * live.peak


def test_the_weights_of_each_dtype():
    values = {"BF16": 1000, "F32": 10, "I64": 4}
    asked = {"auto": 2000 + 40 + 32, "float16": 2020 + 32, "float32": 4040 + 32}
    for dtype, size in asked.items():
        assert guess({}, values=values, load=LoadSettings(dtype=dtype)).weights == size
    assert guess({"dtype": "bfloat16"}, values=values).weights == 2020 + 32
    assert guess({"dtype": "strange"}, values=values).weights == 2072
    packed = {"quantization_config": {"bits": 4}, "dtype": "float32"}
    assert guess(packed, values={"U8": 500, "F16": 10}).weights == 520


def test_a_large_model_as_it_is_known():
    found = guess(
        LLAVA_7B,
        values={"F16": 7_063_427_072},
        asked=GenerationSettings(max_new_tokens=64, batch_size=8),
        prompt=Prompt(words=40, pixels=[640 * 480]),
    )
    assert found.weights == 2 * 7_063_427_072
    assert found.cache == 8 * (40 + 576 + 63) * 32 * 2 * 4096 * 2
    assert str(found).startswith("weights 13.2 + cache 2.7 + activations ")
    assert str(found).endswith(" GiB")


@pytest.mark.parametrize(
    ("said", "bytes_a_token"),
    [
        ({}, 4 * 2 * 64 * 4),
        ({"num_key_value_heads": 2}, 4 * 2 * 16 * 4),
        ({"head_dim": 32}, 4 * 2 * 8 * 32 * 4),
        ({"head_dim": None, "num_key_value_heads": None}, 4 * 2 * 64 * 4),
        (
            {"kv_lora_rank": 4, "qk_nope_head_dim": 6, "qk_rope_head_dim": 2, "v_head_dim": 6},
            4 * 8 * 14 * 4,
        ),
    ],
)
def test_the_cache_by_kinds_of_attention(said, bytes_a_token):
    assert guess(TEXT | said).cache == 2 * (3 + 4) * bytes_a_token


def test_a_sliding_layer_keeps_its_window():
    token = 2 * 64 * 4
    kinds = ["full_attention", *["sliding_attention"] * 3]
    mixed = TEXT | {"sliding_window": 5, "layer_types": kinds}
    assert guess(mixed).cache == 2 * token * (7 + 3 * 5)
    assert guess(mixed, prompt=Prompt(words=6)).cache == 2 * token * (10 + 3 * 6)
    assert guess(TEXT | {"sliding_window": 5}).cache == 2 * token * 4 * 5
    unused = TEXT | {"sliding_window": 5, "use_sliding_window": False}
    assert guess(unused).cache == 2 * token * 4 * 7


def test_a_batch_holds_as_many_rows_as_the_plan_makes():
    one = guess(TEXT, asked=GenerationSettings(batch_size=1)).cache
    asked = GenerationSettings(batch_size=16, batch_tokens=10)
    assert guess(TEXT, asked=asked).cache == 3 * one
    assert guess(TEXT, asked=asked, prompt=Prompt(words=99)).cache is not None


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({"image_seq_length": 9}, 9),
        ({"mm_tokens_per_image": 256}, 256),
        ({"vision_config": {"image_size": 32, "patch_size": 8}}, 16),
        ({"vision_config": {"spatial_merge_size": 2, "patch_size": 14}}, 2),
        ({"image_seq_length": 9, "max_dynamic_patch": 12}, 9 * 13),
        ({"image_seq_length": 9, "image_grid_pinpoints": [[64, 64], [32, 96]],
          "vision_config": {"image_size": 32, "patch_size": 8}}, 9 * 5),
        ({}, 2),
    ],
)  # fmt: skip
def test_the_tokens_of_a_picture(config, tokens):
    without = guess(TEXT).cache
    seen = guess(TEXT | config, prompt=Prompt(words=3, pixels=[1568])).cache
    assert seen == without * (7 + tokens) // 7


def test_larger_pictures_are_made_smaller_first():
    config = TEXT | {"vision_config": {"spatial_merge_size": 1, "patch_size": 10}}
    asked = GenerationSettings(max_new_tokens=5, batch_size=2, max_pixels=1000)
    small = guess(config, asked=asked, prompt=Prompt(words=3, pixels=[10**6]))
    assert small.cache == guess(config, prompt=Prompt(words=3, pixels=[1000])).cache


def test_without_questions_only_the_weights_are_known():
    found = guess(TEXT, prompt=None)
    assert (found.cache, found.activations, found.total) == (None, None, 400)
    assert str(found) == "weights 400 B (cache and activations unknown)"


def test_a_part_that_is_not_said_is_unknown():
    assert guess({}).cache is None
    assert guess({}).activations is None
    assert guess(TEXT | {"num_attention_heads": "8"}).cache is None
    assert guess(TEXT | {"hidden_size": 10**30}).cache is None
    assert guess(TEXT, prompt=Prompt(words=3, pixels=[100])).activations is None


def test_the_sentence():
    parts = Estimate(weights=14 * 2**30, cache=2**30, activations=2**29)
    assert str(parts) == "weights 14.0 + cache 1.0 + activations 0.5 GiB"
    assert parts.total == 15.5 * 2**30
    assert str(Estimate(weights=0)) == "weights 0 B"


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.sampled_from([-1, 0, 1, 7, 1e300, 10**30]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
NAMES = """
text_config vision_config hidden_size num_hidden_layers num_attention_heads vocab_size head_dim
num_key_value_heads sliding_window layer_types kv_lora_rank patch_size image_size depth dtype
spatial_merge_size image_grid_pinpoints max_dynamic_patch quantization_config intermediate_size
vision_feature_layer image_seq_length
"""
KEYS = st.sampled_from(NAMES.split())


@given(changes=st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)), inner=st.booleans())
def test_no_configuration_crashes_it(changes, inner):
    text, vision = LLAVA_7B["text_config"], LLAVA_7B["vision_config"]
    damaged = {"text_config": text | changes, "vision_config": vision | changes}
    config = LLAVA_7B | (damaged if inner else changes)
    found = guess(config, prompt=Prompt(words=3, pixels=[10_000]))
    assert all(part is None or part >= 0 for part in (found.cache, found.activations))
    assert found.weights > 0
    assert str(found)
