"""The model family: configuration, tokenizer, image processor, and the checkpoint folder."""

import json
from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

from app.digits.data import CELL_SIZE, IMAGE_SIZE

PROCESSOR_CLASS = "Qwen3VLProcessor"

PAD = "<|endoftext|>"
UNKNOWN = "<unk>"
TURN_START = "<|im_start|>"
TURN_END = "<|im_end|>"
VISION_START = "<|vision_start|>"
VISION_END = "<|vision_end|>"
IMAGE_PAD = "<|image_pad|>"
VIDEO_PAD = "<|video_pad|>"
SPECIAL_TOKENS = (
    PAD, UNKNOWN, TURN_START, TURN_END, VISION_START, VISION_END, IMAGE_PAD, VIDEO_PAD,
)  # fmt: skip

WORDS = """
    system user assistant ? . , : ; ! ' " - ( ) /
    0 1 2 3 4 5 6 7 8 9 blank
    top bottom left right upper lower corner corners cell cells row column image picture grid
    what which where how many who when why
    is are was do does can there the a an at in on of to and or not no yes it this that you i me
    digit digits number numbers read all largest smallest biggest count
    tell please show see shown answer list each every hello
"""

CHAT_TEMPLATE = """\
{%- for message in messages -%}
{{ '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string -%}
{{ message.content }}
{%- else -%}
{%- for part in message.content -%}
{%- if part.type == 'image' -%}
<|vision_start|><|image_pad|><|vision_end|>
{%- elif part.type == 'video' -%}
<|vision_start|><|video_pad|><|vision_end|>
{%- else -%}
{{ part.text }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{ '<|im_start|>assistant\\n' }}
{%- endif -%}
"""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A word-level tokenizer: lower case, punctuation and digits apart, white space dropped."""
    vocabulary = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *WORDS.split()))}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    words.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation(),
            pre_tokenizers.Digits(individual_digits=True),
        ]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=TURN_END,
        additional_special_tokens=list(SPECIAL_TOKENS),
        chat_template=CHAT_TEMPLATE,
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        processor_class=PROCESSOR_CLASS,
    )


def build_image_processor() -> Qwen2VLImageProcessorPil:
    """Patches of 8 pixels merged 2x2, normalised by the mean and deviation of the training grids.

    A 64x64 image stays as it is and becomes 16 visual tokens; larger ones shrink to its area.
    """
    return Qwen2VLImageProcessorPil(
        patch_size=8,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": CELL_SIZE**2, "longest_edge": IMAGE_SIZE**2},
        image_mean=[0.17, 0.17, 0.17],
        image_std=[0.3, 0.3, 0.3],
    )


def build_config(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLConfig:
    """Two text layers of width 96 above two vision layers of width 48."""
    hidden_size = 96
    token_ids = tokenizer.get_vocab()
    return Qwen3VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": hidden_size,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_key_value_heads": 6,
            "head_dim": 32,
            "intermediate_size": 192,
            "max_position_embeddings": tokenizer.model_max_length,
            "initializer_range": 0.04,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": 1e4,
                "mrope_section": [6, 5, 5],
                "mrope_interleaved": True,
            },
            "tie_word_embeddings": True,
        },
        vision_config={
            "hidden_size": 48,
            "depth": 2,
            "num_heads": 4,
            "intermediate_size": 96,
            "patch_size": 8,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": hidden_size,
            "num_position_embeddings": (IMAGE_SIZE // 8) ** 2,
            "deepstack_visual_indexes": [0],
            "initializer_range": 0.04,
        },
        image_token_id=token_ids[IMAGE_PAD],
        video_token_id=token_ids[VIDEO_PAD],
        vision_start_token_id=token_ids[VISION_START],
        vision_end_token_id=token_ids[VISION_END],
        tie_word_embeddings=True,
    )


def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3VLForConditionalGeneration:
    """A model with random weights from torch's global generator, in fp32."""
    model = Qwen3VLForConditionalGeneration(build_config(tokenizer))
    model.generation_config = GenerationConfig(
        do_sample=False,
        max_new_tokens=8,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return model


def save_checkpoint(
    model: Qwen3VLForConditionalGeneration,
    folder: str | Path,
    step: int,
    metrics: Mapping[str, float],
) -> None:
    """Write the plain Hugging Face layout, and `training.json` with the step and the metrics."""
    folder = Path(folder)
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    image_processor = build_image_processor().to_dict()
    image_processor |= {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": PROCESSOR_CLASS,
    }
    _write_json(folder / "preprocessor_config.json", image_processor)
    training = {"step": step, "metrics": {name: float(value) for name, value in metrics.items()}}
    _write_json(folder / "training.json", training)


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
