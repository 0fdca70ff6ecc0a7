"""Tiny models of the families that cut pictures up: random weights, real architecture.

Their vision towers have no layers, or one that adds nothing: a token has seen its own pixels only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import (
    AyaVisionConfig,
    AyaVisionForConditionalGeneration,
    AyaVisionProcessor,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
    Gemma3TextConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLProcessor,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaNextConfig,
    LlavaNextForConditionalGeneration,
    LlavaNextProcessor,
    LlavaOnevisionConfig,
    LlavaOnevisionForConditionalGeneration,
    LlavaOnevisionProcessor,
    LlavaProcessor,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    MllamaConfig,
    MllamaForConditionalGeneration,
    MllamaProcessor,
    PixtralVisionConfig,
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    SiglipVisionConfig,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import (
    LlavaNextImageProcessorPil,
)
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
    LlavaOnevisionImageProcessorPil,
)
from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil
from transformers.models.pixtral.image_processing_pil_pixtral import PixtralImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

MARKERS = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
SPECIAL = [
    *("<pad>", "<unk>", "<s>", "</s>", "<image>", "<fake_token_around_image>", "<global-img>"),
    *(
        "<end_of_utterance>",
        "<img>",
        "</img>",
        "<tile>",
        "[IMG_BREAK]",
        "[IMG_END]",
        "<boi>",
        "<eoi>",
    ),
    *MARKERS,
]
WORDS = [*SPECIAL, "\n", ":", "user", "assistant", "what", "is", "this", "a", "cat", "dog", "red"]
IMAGE = WORDS.index("<image>")
TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}:{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<image>{% else %} {{ c['text'] }}{% endif %}{% endfor %}\n"
    "{% endfor %}assistant:"
)
TILE = 64


@dataclass(frozen=True, kw_only=True)
class Tiled:
    """A model, its image processor, and how both are asked."""

    model: Any
    image_processor: Any
    encode: Callable[[Sequence[Sequence[Image]]], dict[str, torch.Tensor]]
    processor: Any = None

    def __post_init__(self) -> None:
        silent = ("out_proj", "o_proj", "fc2", "down_proj")
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                if "vision" in name and any(f"{part}." in name for part in silent):
                    weight.zero_()
                elif "mm_input_projection_weight" in name:
                    weight.normal_()  # Gemma 3 starts with zeros
        self.model.eval()

    def save(self, folder: Path) -> Path:
        """Write it as a checkpoint, where its processor can be built without torchvision."""
        self.model.save_pretrained(folder)
        self.processor.chat_template = TEMPLATE.replace("<image>", self.processor.image_token)
        self.processor.save_pretrained(folder)
        return folder

    def embeddings(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(batch, length, width) of what the text decoder is given."""
        base = self.model.base_model
        decoder = getattr(base, "language_model", None) or base.text_model
        seen = []
        hook = decoder.register_forward_pre_hook(
            lambda _module, _given, named: seen.append(named["inputs_embeds"]), with_kwargs=True
        )
        with torch.inference_mode():
            self.model(**inputs)
        hook.remove()
        return seen[0]


def tokenizer() -> PreTrainedTokenizerFast:
    """Words, line feeds and every marker that the families put between tiles."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"\n|[a-z]+|:|\?"), "isolated")
    backend.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=SPECIAL[4:],
        extra_special_tokens={
            "image_token": "<image>",
            "boi_token": "<boi>",
            "eoi_token": "<eoi>",
        },
        padding_side="left",
    )


def text_config() -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )


def vision(layers: int, **more: Any) -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        **more,
    }


def expanded(
    pictures: Sequence[Sequence[Image]], image_inputs: dict[str, Any], replace: Any
) -> dict[str, torch.Tensor]:
    """Prompts of a word, its pictures as transformers' processor spells them, and two words."""
    place, prompts = 0, []
    for row in pictures:
        spelled = []
        for _ in row:
            spelled.append(replace(image_inputs, place))
            place += 1
        prompts.append("cat" + "a".join(spelled) + "is")
    tokens = tokenizer()(prompts, padding=True, return_tensors="pt")
    kept = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    tensors = {name: value for name, value in image_inputs.items() if torch.is_tensor(value)}
    return {**kept, **{name: tensors[name] for name in tensors if name != "num_patches"}}


def with_processor(processor: Any, image: str = "<image>") -> Any:
    """Encode by a processor that can be built without torchvision."""

    def encode(pictures: Sequence[Sequence[Image]]) -> dict[str, torch.Tensor]:
        prompts = ["cat" + f"{image}a" * len(row) + "is" for row in pictures]
        images = [list(row) for row in pictures]
        return dict(processor(text=prompts, images=images, padding=True, return_tensors="pt"))

    return encode


def idefics3(kind: type = Idefics3ImageProcessorPil, **settings: Any) -> Tiled:
    config = Idefics3Config(
        text_config=text_config(),
        vision_config=vision(0, image_size=TILE, patch_size=8),
        scale_factor=2,
        image_token_id=IMAGE,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    image_processor = kind(
        **{"size": {"longest_edge": 4 * TILE}, "max_image_size": {"longest_edge": TILE}, **settings}
    )
    processor = Idefics3Processor(image_processor, tokenizer(), image_seq_len=16)
    return Tiled(
        model=Idefics3ForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor),
        processor=processor,
    )


def smolvlm() -> Tiled:
    return idefics3(SmolVLMImageProcessorPil)


def internvl(**settings: Any) -> Tiled:
    config = InternVLConfig(
        text_config=text_config(),
        vision_config=InternVLVisionConfig(
            **vision(
                0, image_size=[TILE, TILE], patch_size=[8, 8], use_absolute_position_embeddings=True
            )
        ),
        downsample_ratio=0.5,
        image_token_id=IMAGE,
    )
    image_processor = GotOcr2ImageProcessorPil(
        size={"height": TILE, "width": TILE}, crop_to_patches=True, **settings
    )
    # Its constructor wants a video processor, which wants torchvision; the layout wants neither.
    processor = InternVLProcessor.__new__(InternVLProcessor)
    processor.image_token, processor.image_seq_length = "<image>", 16
    processor.start_image_token, processor.end_image_token = "<img>", "</img>"

    def encode(pictures: Sequence[Sequence[Image]]) -> dict[str, torch.Tensor]:
        flat = [picture for row in pictures for picture in row]
        image_inputs = dict(image_processor(images=flat, return_tensors="pt"))
        return expanded(pictures, image_inputs, processor.replace_image_token)

    model = InternVLForConditionalGeneration(config)
    return Tiled(model=model, image_processor=image_processor, encode=encode)


def aya_vision() -> Tiled:
    config = AyaVisionConfig(
        text_config=text_config(),
        vision_config=SiglipVisionConfig(
            **vision(1, image_size=TILE, patch_size=8, vision_use_head=False)
        ),
        vision_feature_layer=-1,
        downsample_factor=2,
        image_token_index=IMAGE,
    )
    image_processor = GotOcr2ImageProcessorPil(
        size={"height": TILE, "width": TILE}, crop_to_patches=True
    )
    processor = AyaVisionProcessor(
        image_processor,
        tokenizer(),
        patch_size=8,
        downsample_factor=2,
        img_size=TILE,
        image_token="<image>",
        img_patch_token="<image>",
        start_of_img_token="<img>",
        end_of_img_token="</img>",
        tile_token="<tile>",
        tile_global_token="<global-img>",
    )
    return Tiled(
        model=AyaVisionForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor),
        processor=processor,
    )


def llava_next(pixels: int = 32) -> Tiled:
    config = LlavaNextConfig(
        text_config=text_config(),
        vision_config=CLIPVisionConfig(**vision(1, image_size=pixels, patch_size=8)),
        image_grid_pinpoints=pinpoints(pixels, 3),
        image_token_index=IMAGE,
        vision_feature_layer=-1,
    )
    image_processor = LlavaNextImageProcessorPil(
        size={"shortest_edge": pixels},
        crop_size={"height": pixels, "width": pixels},
        image_grid_pinpoints=pinpoints(pixels, 3),
    )
    processor = LlavaNextProcessor(
        image_processor,
        tokenizer(),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return Tiled(
        model=LlavaNextForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor),
        processor=processor,
    )


def pinpoints(pixels: int, most: int) -> list[list[int]]:
    edges = range(pixels, most * pixels + 1, pixels)
    return [[height, width] for height in edges for width in edges]


def llava_onevision() -> Tiled:
    pixels = 32
    config = LlavaOnevisionConfig(
        text_config=text_config(),
        vision_config=SiglipVisionConfig(
            **vision(1, image_size=pixels, patch_size=8, vision_use_head=False)
        ),
        image_grid_pinpoints=pinpoints(pixels, 6),
        image_token_id=IMAGE,
        vision_feature_layer=-1,
    )
    image_processor = LlavaOnevisionImageProcessorPil(
        size={"height": pixels, "width": pixels}, image_grid_pinpoints=pinpoints(pixels, 6)
    )
    processor = LlavaOnevisionProcessor.__new__(LlavaOnevisionProcessor)
    processor.image_token, processor.num_image_tokens = "<image>", 16
    processor.image_processor = image_processor
    processor.vision_feature_select_strategy = "full"
    processor.vision_aspect_ratio = "anyres_max_9"

    def encode(pictures: Sequence[Sequence[Image]]) -> dict[str, torch.Tensor]:
        images = [list(row) for row in pictures]
        image_inputs = dict(image_processor(images=images, return_tensors="pt"))
        return expanded(pictures, image_inputs, processor.replace_image_token)

    model = LlavaOnevisionForConditionalGeneration(config)
    return Tiled(model=model, image_processor=image_processor, encode=encode)


def mistral3(merge: int = 2) -> Tiled:
    config = Mistral3Config(
        text_config=text_config(),
        vision_config=PixtralVisionConfig(**vision(1, image_size=128, patch_size=8, head_dim=8)),
        image_token_index=IMAGE,
        spatial_merge_size=merge,
        vision_feature_layer=-1,
    )
    image_processor = PixtralImageProcessorPil(
        size={"longest_edge": 128}, patch_size={"height": 8, "width": 8}
    )

    def encode(pictures: Sequence[Sequence[Image]]) -> dict[str, torch.Tensor]:
        flat = [picture for row in pictures for picture in row]
        unit = 8 * merge
        image_inputs = dict(
            image_processor(
                images=flat, patch_size={"height": unit, "width": unit}, return_tensors="pt"
            )
        )

        def spelled(given: dict[str, Any], place: int) -> str:
            height, width = (int(edge) // unit for edge in given["image_sizes"][place])
            return "[IMG_BREAK]".join(["<image>" * width] * height) + "[IMG_END]"

        return expanded(pictures, image_inputs, spelled)

    model = Mistral3ForConditionalGeneration(config)
    return Tiled(model=model, image_processor=image_processor, encode=encode)


def gemma3(**settings: Any) -> Tiled:
    config = Gemma3Config(
        text_config=Gemma3TextConfig(
            vocab_size=len(WORDS),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=8,
        ),
        vision_config=SiglipVisionConfig(
            **vision(0, image_size=32, patch_size=4, vision_use_head=False)
        ),
        mm_tokens_per_image=16,
        image_token_id=IMAGE,
    )
    image_processor = Gemma3ImageProcessorPil(size={"height": 32, "width": 32}, **settings)
    processor = Gemma3Processor(image_processor, tokenizer(), image_seq_length=16)
    return Tiled(
        model=Gemma3ForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor, "<boi>"),
        processor=processor,
    )


def llava(padded: bool = False) -> Tiled:
    config = LlavaConfig(
        text_config=text_config(),
        vision_config=CLIPVisionConfig(**vision(1, image_size=32, patch_size=8)),
        image_token_index=IMAGE,
        vision_feature_layer=-1,
    )
    kind = LlavaImageProcessorPil if padded else CLIPImageProcessorPil
    padding = {"do_pad": True} if padded else {}
    image_processor = kind(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, **padding
    )
    processor = LlavaProcessor(
        image_processor,
        tokenizer(),
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return Tiled(
        model=LlavaForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor),
        processor=processor,
    )


def mllama() -> Tiled:
    """Pictures are seen by cross-attention; one token stands for each."""
    config = MllamaConfig(
        text_config={
            **text_config().to_dict(),
            "model_type": "mllama_text_model",
            "cross_attention_layers": [1],
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_global_layers": 1,
            "attention_heads": 4,
            "image_size": 32,
            "patch_size": 8,
            "vision_output_dim": 64,
            "intermediate_layers_indices": [0],
            "max_num_tiles": 2,
            "supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
        },
        image_token_index=IMAGE,
    )
    image_processor = MllamaImageProcessorPil(size={"height": 32, "width": 32}, max_image_tiles=2)
    processor = MllamaProcessor(image_processor, tokenizer())
    processor.image_token, processor.image_token_id = "<image>", IMAGE
    return Tiled(
        model=MllamaForConditionalGeneration(config),
        image_processor=image_processor,
        encode=with_processor(processor),
        processor=processor,
    )


def qwen2_vl() -> Tiled:
    config = Qwen2VLConfig(
        text_config={
            **text_config().to_dict(),
            "model_type": "qwen2_vl_text",
            "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 0,
            "embed_dim": 32,
            "hidden_size": 32,
            "num_heads": 4,
            "patch_size": 8,
        },
        image_token_id=IMAGE,
    )
    image_processor = Qwen2VLImageProcessorPil(
        patch_size=8, size={"shortest_edge": 16 * 16 * 8, "longest_edge": 16 * 16 * 100}
    )

    def encode(pictures: Sequence[Sequence[Image]]) -> dict[str, torch.Tensor]:
        flat = [picture for row in pictures for picture in row]
        image_inputs = dict(image_processor(images=flat, return_tensors="pt"))

        def spelled(given: dict[str, Any], place: int) -> str:
            return "<image>" * (int(given["image_grid_thw"][place].prod()) // 4)

        inputs = expanded(pictures, image_inputs, spelled)
        inputs["mm_token_type_ids"] = inputs["input_ids"].eq(IMAGE).long()
        return inputs

    model = Qwen2VLForConditionalGeneration(config)
    return Tiled(model=model, image_processor=image_processor, encode=encode)
