"""What decides how a checkpoint sees a question: chat template, tokenizer, image processor."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_vlm.checkpoint.files.configuration import CONFIG
from pytest_vlm.checkpoint.files.reading import read_json, read_whole
from pytest_vlm.errors import CheckpointError

LARGEST_TEMPLATE = 2**20
LARGEST_TOKENIZER = 64 * 2**20
MOST_TOKENIZER_VALUES = 6_000_000
PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "image_processor_config.json",
)
IGNORED_KEYS = frozenset(
    {"_name_or_path", "transformers_version", "processor_class", "name_or_path"}
)
RULES = ("model", "normalizer", "pre_tokenizer", "post_processor", "added_tokens")
# Where an escape from Jinja's sandbox has to pass. transformers' sandbox stops them when a prompt
# is rendered; a template that tries is not to be asked at all.
ESCAPES = re.compile(
    r"__(?:class|mro|bases?|subclasses|globals|builtins|import|init|getattribute|reduce(?:_ex)?|"
    r"code|dict|self|loader|spec|call|new|func|wrapped|module)__"
    r"|\b(?:gi_(?:frame|code)|cr_frame|f_globals|f_builtins|func_globals|tb_frame)\b"
)


@dataclass(frozen=True, kw_only=True)
class QuestionFiles:
    """Digests of what two checkpoints must share to be asked the same; empty where absent.

    Attributes:
        chat_template: of the template.
        tokenizer: of the tokenizer's vocabulary and rules.
        processor: of the image processor's settings.
        largest_id: of the tokenizer's vocabulary; -1 where it is in no tokenizer.json.
    """

    chat_template: str
    tokenizer: str
    processor: str
    largest_id: int


def read_question_files(folder: Path) -> QuestionFiles:
    """Read a folder's.

    Raises:
        CheckpointError: one cannot be read, is too large, or tries to break out of its sandbox.
    """
    tokenizer, largest_id = _tokenizer(folder)
    return QuestionFiles(
        chat_template=_digest(_chat_template(folder)),
        tokenizer=_digest(tokenizer),
        processor=_digest(_processor(folder)),
        largest_id=largest_id,
    )


def passed_over(patch: Path, base: Path) -> str:
    """What to say of files that lie beside a patch, though its base's are used; empty for none.

    Args:
        patch: the folder that the patch lies in; another checkpoint's own files are not compared.
        base: the base's folder.

    Raises:
        CheckpointError: they decide otherwise how a question reaches the model.
    """
    if (patch / CONFIG).exists():
        return ""
    own, used = read_question_files(patch), read_question_files(base)
    differing = [
        what
        for what, here, there in (
            ("chat template", own.chat_template, used.chat_template),
            ("tokenizer", own.tokenizer, used.tokenizer),
        )
        if here and here != there
    ]
    settings, of_base = _processor(patch), _processor(base)
    differing += [name for name in settings if settings[name] != of_base.get(name, settings[name])]
    if differing:
        raise CheckpointError(
            f"{patch} brings its own {' and '.join(differing)}, not that of its base {base}, with "
            "which it would be asked. If the base's is right, remove these files; if not, merge "
            "the two into a folder with its own files: "
            "model.merge_and_unload().save_pretrained(folder)"
        )
    alone = sorted(settings.keys() - of_base.keys())
    return f"{', '.join(alone)} beside it is not used, the base's files are" if alone else ""


def _digest(content: object) -> str:
    if not content:
        return ""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _chat_template(folder: Path) -> object:
    found: object = ""
    if (folder / "chat_template.jinja").exists():
        found = _template_file(folder / "chat_template.jinja").strip()
    for path in sorted(folder.glob("additional_chat_templates/*.jinja")):
        _template_file(path)
    for name in ("chat_template.json", "processor_config.json", "tokenizer_config.json"):
        if not (folder / name).exists():
            continue
        template = read_json(folder / name).get("chat_template")
        if not template:
            continue
        if not isinstance(template, str | list | dict):
            raise CheckpointError(
                f"{folder / name} has a chat_template that is a {type(template).__name__}, not text"
            )
        _check_template(folder / name, json.dumps(template, ensure_ascii=False))
        found = found or (template.strip() if isinstance(template, str) else template)
    return found


def _template_file(path: Path) -> str:
    try:
        template = read_whole(path, LARGEST_TEMPLATE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} is no UTF-8 text: {error}; save it as UTF-8") from None
    _check_template(path, template)
    return template


def _check_template(path: Path, template: str) -> None:
    escape = ESCAPES.search(template)
    if escape:
        line = template.count("\n", 0, escape.start()) + 1
        raise CheckpointError(
            f"{path} reaches for Python's internals ({escape[0]} in line {line}), which no chat "
            "template needs: it tries to run code. Nothing was run; take the template from the "
            "original"
        )


def _tokenizer(folder: Path) -> tuple[object, int]:
    path = folder / "tokenizer.json"
    if path.exists():
        content = read_json(path, largest=LARGEST_TOKENIZER, most_values=MOST_TOKENIZER_VALUES)
        return {key: content.get(key) for key in RULES}, _largest_id(content)
    for name in ("vocab.json", "vocab.txt", "tokenizer.model"):
        if (folder / name).exists():
            content_bytes = read_whole(folder / name, LARGEST_TOKENIZER)
            return hashlib.blake2b(content_bytes).hexdigest(), -1
    return "", -1


def _largest_id(content: Mapping[str, Any]) -> int:
    model, added = content.get("model"), content.get("added_tokens")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    ids: list[Any] = list(vocabulary.values()) if isinstance(vocabulary, dict) else []
    if isinstance(vocabulary, list):  # of a Unigram model: the place is the id
        ids.append(len(vocabulary) - 1)
    if isinstance(added, list):
        ids += [token.get("id") for token in added if isinstance(token, dict)]
    return max((number for number in ids if type(number) is int), default=-1)


def _processor(folder: Path) -> dict[str, dict[str, Any]]:
    settings = {
        name: read_json(folder / name) for name in PROCESSOR_FILES if (folder / name).exists()
    }
    return {
        name: {key: value for key, value in content.items() if key not in IGNORED_KEYS}
        for name, content in settings.items()
    }
