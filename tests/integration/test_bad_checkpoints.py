"""Checkpoints that are damaged, mistaken or hostile: each is refused by name, and nothing is run.

Every row is a real folder. One process without torch looks into all of them, with nothing to read
on stdin; it measures the memory that each refusal took.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from refused import Rows, look_at
from safetensors.torch import save_file

MIB = 2**20
EMBEDDING = "model.language_model.embed_tokens.weight"
LAYER = "model.language_model.layers.0.mlp.up_proj.weight"
CONFIG = {
    "architectures": ["Qwen3VLForConditionalGeneration"],
    "model_type": "qwen3_vl",
    "text_config": {"vocab_size": 8, "hidden_size": 4, "num_hidden_layers": 1},
    "vision_config": {"depth": 2, "hidden_size": 4},
}
IMPORTS = "from pytest_vlm.checkpoint.folder import inspect_folder"
STATEMENT = "inspect_folder(Path(given))"

ROWS = Rows()
row = ROWS.add


def weights() -> dict[str, torch.Tensor]:
    return {
        EMBEDDING: torch.ones(8, 4),
        LAYER: torch.ones(4, 4),
        "lm_head.weight": torch.ones(8, 4),
    }


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def edit(path: Path, **changes: object) -> None:
    write(path, json.loads(path.read_text(encoding="utf-8")) | changes)


def make_good(folder: Path) -> Path:
    folder.mkdir()
    write(folder / "config.json", CONFIG)
    write(folder / "tokenizer.json", {"model": {"vocab": {c: i for i, c in enumerate("abcdefgh")}}})
    write(folder / "tokenizer_config.json", {"pad_token": "a"})
    write(folder / "preprocessor_config.json", {"patch_size": 8})
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    save_file(weights(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def shards(
    folder: Path, contents: dict[str, dict[str, torch.Tensor]], index: object = None
) -> None:
    (folder / "model.safetensors").unlink()
    for name, tensors in contents.items():
        save_file(tensors, folder / name)
    found = {key: name for name, tensors in contents.items() for key in tensors}
    write(folder / "model.safetensors.index.json", index or {"weight_map": found})


def header(folder: Path, content: object, data: bytes = b"") -> None:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def entry(shape: list[Any], begin: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def marker(folder: Path) -> Path:
    return folder.parent / "marker"


class Runs:
    """Pickled, it writes the marker when somebody loads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


def pickled(folder: Path, content: object, **options: Any) -> Path:
    (folder / "model.safetensors").unlink()
    torch.save(content, folder / "pytorch_model.bin", **options)
    return folder / "pytorch_model.bin"


def rewritten(
    path: Path,
    change: Callable[[str, bytes], bytes] = lambda name, data: data,
    more: dict[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> None:
    with zipfile.ZipFile(path) as archive:
        entries = [(name, change(name, archive.read(name))) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in [*entries, *(more or {}).items()]:
            archive.writestr(name, data)


def with_pickle(folder: Path, content: bytes) -> None:
    path = pickled(folder, {"w": torch.ones(2)})
    rewritten(path, lambda name, data: content if name.endswith("data.pkl") else data)


# The rows of the notes


@row(r"pytorch_model\.bin holds more than tensors, its pickle names posix\.system: .*do not load")
def a_pickle_that_runs_a_command(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2), "x": Runs(marker(folder))})


@row(r"its pickle names argparse\.Namespace: a training checkpoint.*safetensors")
def a_training_checkpoint_with_arguments(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2), "args": argparse.Namespace(lr=1.0)})


@row(r"its pickle names .*numpy.*: a training checkpoint, whose numbers")
def a_training_checkpoint_with_numpy_scalars(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2), "loss": np.float64(1.0)})


@row(r"model\.safetensors is \d+ bytes, its header needs \d+: an incomplete copy; copy it again")
def truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-7])


@row(r"is \d+ bytes, its header needs \d+: an incomplete copy")
def weights_with_a_tail(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"tail")


@row(r"model\.safetensors is not a complete safetensors file \(\d+ bytes\); copy it again")
def a_header_length_that_lies(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + path.read_bytes()[8:])


@row(r"is a Git LFS pointer, not weights; run: git lfs pull")
def a_git_lfs_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


@row(r"is a web page, not weights; download it again")
def a_web_page(folder: Path) -> None:
    (folder / "model.safetensors").write_text("<!DOCTYPE html><html>log in</html>")


@row(r"damaged safetensors header \(.*the key 'a' is there twice")
def a_tensor_that_is_named_twice(folder: Path) -> None:
    one = json.dumps(entry([1], 0, 4))
    header(folder, f'{{"a": {one}, "a": {one}}}'.encode(), b"\0" * 4)


@row(r"has a packed entry '[^']*': [\d,]+ bytes that become 67,108,864\. torch never packs")
def a_packed_archive_that_grows(folder: Path) -> None:
    path = pickled(folder, {"w": torch.zeros(16 * MIB)})
    rewritten(path, compression=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(path) as archive:  # only the storage is packed
        kept = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in kept.items():
            big = zipfile.ZIP_DEFLATED if len(data) > MIB else zipfile.ZIP_STORED
            archive.writestr(name, data, big)


@row(r"a tensor of 1,099,511,627,776 values over a storage of 1: it repeats them \(expand\(\)\)")
def a_tensor_that_is_expanded(folder: Path) -> None:
    pickled(folder, {"w": torch.zeros(1).expand(2**40)})


@row(r"config\.json says hidden_size = 10,000,000, but .*embed_tokens.* is 4 wide")
def a_configuration_of_240_terabytes(folder: Path) -> None:
    text = CONFIG["text_config"] | {"hidden_size": 10**7, "intermediate_size": 10**7}
    edit(folder / "config.json", text_config=text)


@row(r"config\.json has text_config\.dtype = '__class__', which is no dtype of weights; copy")
def a_dtype_that_is_none(folder: Path) -> None:
    edit(folder / "config.json", text_config=CONFIG["text_config"] | {"dtype": "__class__"})


@row(r"embed_tokens\.weight is of I8, .*no quantization_config, so nothing says how")
def whole_numbers_without_scales(folder: Path) -> None:
    changed = weights() | {EMBEDDING: torch.ones(8, 4, dtype=torch.int8)}
    save_file(changed, folder / "model.safetensors")


@row(
    r"needs code of its own: config\.json \(auto_map: modeling_evil\.Evil\).*Nothing of it was run"
)
def a_model_with_its_own_code(folder: Path) -> None:
    edit(folder / "config.json", model_type="evil", auto_map={"AutoModel": "modeling_evil.Evil"})
    (folder / "modeling_evil.py").write_text(f"open({str(marker(folder))!r}, 'w')\n")


@row(r"needs code of its own: config\.json \(auto_map: other/place--modeling_evil\.Evil\)")
def a_model_with_code_elsewhere(folder: Path) -> None:
    code = {"AutoConfig": "other/place--modeling_evil.Evil"}
    edit(folder / "config.json", model_type="evil", auto_map=code)


@row(r"model\.safetensors is a link out of its folder, to /.*; put the file itself")
def a_link_out_of_the_folder(folder: Path) -> None:
    outside = folder.parent / "outside.safetensors"
    (folder / "model.safetensors").rename(outside)
    (folder / "model.safetensors").symlink_to(outside)


@row(r"names '\.\./outside\.safetensors', not a file beside it")
def an_index_that_leads_upwards(folder: Path) -> None:
    shards(folder, {}, {"weight_map": {"a": "../outside.safetensors"}})


@row(r"names '/etc/passwd', not a file beside it")
def an_index_with_an_absolute_path(folder: Path) -> None:
    shards(folder, {}, {"weight_map": {"a": "/etc/passwd"}})


@row(r"names 'pytorch_model\.bin', not a file beside it that ends in \.safetensors")
def an_index_that_names_a_pickle(folder: Path) -> None:
    shards(folder, {}, {"weight_map": {"a": "pytorch_model.bin"}})
    torch.save(Runs(marker(folder)), folder / "pytorch_model.bin")


@row(r"is incomplete: 2\.safetensors, 3\.safetensors are missing; copy it again")
def missing_shards(folder: Path) -> None:
    one = {"a": torch.ones(1)}
    index = {"a": "1.safetensors", "b": "2.safetensors", "c": "3.safetensors"}
    shards(folder, {"1.safetensors": one}, {"weight_map": index})


@row(r"1\.safetensors does not hold 1 tensors that .*index\.json says are there, such as b")
def a_shard_without_its_tensors(folder: Path) -> None:
    index = {"a": "1.safetensors", "b": "1.safetensors"}
    shards(folder, {"1.safetensors": {"a": torch.ones(1)}}, {"weight_map": index})


@row(r"no such checkpoint: .*missing_folder does not exist")
def missing_folder(folder: Path) -> None:
    folder.rename(folder.parent / "elsewhere")


@row(r"tokenizer\.json has ids up to 8, but .*embed_tokens\.weight has rows up to 7")
def a_tokenizer_beyond_the_embedding(folder: Path) -> None:
    edit(folder / "tokenizer.json", added_tokens=[{"id": 8, "content": "<image>"}])


# Further ones: what is no file


@row(r"model\.safetensors is a pipe, not a file")
def a_pipe(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")


@row(r"config\.json is a pipe, not a file")
def a_pipe_for_a_configuration(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")


@row(r"(tokenizer\.json is a link out of its folder, to /dev/zero|is a device)")
def a_device(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer.json").symlink_to("/dev/zero")


@row(r"model\.safetensors is a folder, not a file")
def a_folder_in_place_of_a_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()


@row(r"model\.safetensors is a link in a circle")
def links_in_a_circle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("other.safetensors")
    (folder / "other.safetensors").symlink_to("model.safetensors")


@row(r"model\.safetensors is a link to a file that does not exist: an incomplete copy")
def a_link_to_nothing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("gone")


@row(r"has a file with the name 'evil\\x1b\[2J\.json'; rename it")
def a_name_that_clears_the_screen(folder: Path) -> None:
    write(folder / "evil\x1b[2J.json", {})


# Further ones: sizes that lie


@row(r"is not a complete safetensors file \(0 bytes\)")
def a_shard_of_zero_bytes(folder: Path) -> None:
    shards(folder, {}, {"weight_map": {"a": "1.safetensors"}})
    (folder / "1.safetensors").touch()


@row(r"is not a complete safetensors file \(1099511627776 bytes\)")
def a_giant_of_holes(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 0)
    os.truncate(folder / "model.safetensors", 2**40)


@row(r"tokenizer\.json has 1,073,741,824 bytes; such a file has at most 67,108,864")
def a_tokenizer_of_a_gigabyte(folder: Path) -> None:
    os.truncate(folder / "tokenizer.json", 2**30)


@row(r"config\.json has 1,073,741,824 bytes; such a file has at most 2,097,152")
def a_configuration_of_a_gigabyte(folder: Path) -> None:
    os.truncate(folder / "config.json", 2**30)


@row(r"chat_template\.jinja has 1,073,741,824 bytes; such a file has at most 1,048,576")
def a_template_of_a_gigabyte(folder: Path) -> None:
    os.truncate(folder / "chat_template.jinja", 2**30)


@row(r"claims a header of 100,000,000 bytes; a real one has at most 16,777,216")
def a_header_of_spaces(folder: Path) -> None:
    header(folder, b"{" + b" " * 99_999_998 + b"}")


@row(r"header \(has some 10,\d{3},\d{3} values; such a file has at most 500,000")
def a_header_of_brackets(folder: Path) -> None:
    header(folder, b'{"a": [' + b"{}," * 5_000_000 + b"{}]}")


@row(r"header \(has 16,\d{3},\d{3} bytes with characters that take four each")
def a_header_of_wide_characters(folder: Path) -> None:
    header(folder, b'{"a": "' + b" " * 16_000_000 + "\U0001f600".encode() + b'"}')


@row(r"index\.json has some 70\d,\d{3} values; such a file has at most 500,000")
def an_index_of_a_million_files(folder: Path) -> None:
    shards(folder, {}, {"weight_map": {str(n): "" for n in range(700_000)}})


# Further ones: headers


@row(r"has the unknown dtype 'I3'")
def a_dtype_that_does_not_exist(folder: Path) -> None:
    header(folder, {"a": entry([1], 0, 4, "I3")}, b"\0" * 4)


@row(r"a data_offsets that is no list of sizes: \[-4, 4\]")
def a_negative_offset(folder: Path) -> None:
    header(folder, {"a": entry([1], -4, 4)}, b"\0" * 4)


@row(r"lies at \[4, 0\], which is no range")
def offsets_backwards(folder: Path) -> None:
    header(folder, {"a": entry([1], 4, 0), "b": entry([1], 0, 4)}, b"\0" * 4)


@row(r"a and b overlap: one ends at byte 8, the other begins at 4")
def tensors_that_overlap(folder: Path) -> None:
    header(folder, {"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, b"\0" * 12)


@row(r"the header and a leave a gap: one ends at byte 0, the other begins at 4")
def a_gap_between_tensors(folder: Path) -> None:
    header(folder, {"a": entry([1], 4, 8)}, b"\0" * 8)


@row(r"a has 4 bytes, which are not F32 of shape \[4294967296, 4294967296, 4294967296\]")
def a_shape_that_overflows(folder: Path) -> None:
    header(folder, {"a": entry([2**32] * 3, 0, 4)}, b"\0" * 4)


@row(r"a shape that is no list of sizes: \[True, 1.0\]")
def a_shape_that_is_no_number(folder: Path) -> None:
    header(folder, {"a": entry([True, 1.0], 0, 4)}, b"\0" * 4)


@row(r"header \(cannot be read as JSON: it is nested too deep")
def a_header_that_is_nested(folder: Path) -> None:
    header(folder, b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")


@row(r"the name 'a\\x1b\[31m' has characters that cannot be shown")
def a_tensor_name_with_control_characters(folder: Path) -> None:
    header(folder, {"a\x1b[31m": entry([1], 0, 4)}, b"\0" * 4)


@row(r"the name '\\udc00' has characters that cannot be shown")
def a_tensor_name_of_half_a_character(folder: Path) -> None:
    header(folder, b'{"\\udc00": ' + json.dumps(entry([1], 0, 4)).encode() + b"}", b"\0" * 4)


@row(r"its __metadata__ is not text by name")
def metadata_that_is_no_text(folder: Path) -> None:
    header(folder, {"__metadata__": {"a": [1]}, "a": entry([1], 0, 4)}, b"\0" * 4)


@row(r"is a ZIP archive such as torch\.save writes, whatever its name says")
def a_torch_archive_named_safetensors(folder: Path) -> None:
    pickled(folder, Runs(marker(folder))).rename(folder / "model.safetensors")


@row(r"is a pickle, whatever its name says, which can run code")
def a_bare_pickle_named_safetensors(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps(Runs(marker(folder))) + b" " * 99)


@row(r"is a safetensors file under another name; name it \.safetensors")
def safetensors_named_bin(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


# Further ones: shards and indices


@row(r"2\.safetensors holds a once more, which is in 1\.safetensors as well")
def a_tensor_in_two_shards(folder: Path) -> None:
    one = {"a": torch.ones(1)}
    two = {"a": torch.ones(1), "b": torch.ones(1)}
    index = {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}
    shards(folder, {"1.safetensors": one, "2.safetensors": two}, index)


@row(r"holds both model\.safetensors and model\.safetensors\.index\.json, of two saves")
def an_index_beside_a_single_file(folder: Path) -> None:
    write(folder / "model.safetensors.index.json", {"weight_map": {"a": "model.safetensors"}})


@row(r"index\.json names no weights")
def an_index_without_a_map(folder: Path) -> None:
    shards(folder, {}, {"metadata": {"total_size": 1}})


@row(r"the key 'a' is there twice")
def an_index_that_names_a_tensor_twice(folder: Path) -> None:
    shards(folder, {"1.safetensors": {"a": torch.ones(1)}})
    text = '{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}'
    (folder / "model.safetensors.index.json").write_text(text)


@row(r"has other\.safetensors, but neither model\.safetensors nor .*index\.json")
def weights_under_another_name(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "other.safetensors")


# Further ones: configurations


@row(r"config\.json holds no JSON object but a list")
def a_configuration_that_is_a_list(folder: Path) -> None:
    write(folder / "config.json", [CONFIG])


@row(r"config\.json cannot be read as JSON: NaN is no number")
def a_configuration_with_nan(folder: Path) -> None:
    edit(folder / "config.json", rms_norm_eps=float("nan"))


@row(r"config\.json has 'vocab_size' with a number of 401 bits, more than 63")
def a_configuration_with_a_huge_number(folder: Path) -> None:
    edit(folder / "config.json", vocab_size=2**400)


@row(r"config\.json cannot be read as JSON: .*limit")
def a_configuration_with_a_number_of_a_million_digits(folder: Path) -> None:
    (folder / "config.json").write_text('{"vocab_size": ' + "9" * 1_000_000 + "}")


@row(r"config\.json cannot be read as JSON: it is nested too deep")
def a_configuration_that_is_nested(folder: Path) -> None:
    (folder / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


@row(r"config\.json has at 'model_type' half a character")
def a_configuration_with_half_a_character(folder: Path) -> None:
    edit(folder / "config.json", model_type="\ud800")


@row(r"names the architecture 'a\\x1b\[2J', which is no name")
def an_architecture_that_clears_the_screen(folder: Path) -> None:
    edit(folder / "config.json", architectures=["a\x1b[2J"])


@row(r"config\.json says vocab_size = 9, but .*embed_tokens\.weight has 8 rows")
def another_vocabulary(folder: Path) -> None:
    edit(folder / "config.json", text_config=CONFIG["text_config"] | {"vocab_size": 9})


@row(r"config\.json says num_hidden_layers = 2, but the weights have 1")
def more_layers_than_weights(folder: Path) -> None:
    edit(folder / "config.json", text_config=CONFIG["text_config"] | {"num_hidden_layers": 2})


@row(r"says vision_config\.depth = 1,000,000,000, but there are only 3 tensors")
def a_billion_layers(folder: Path) -> None:
    edit(folder / "config.json", vision_config={"depth": 10**9})


@row(r": \S+ is of F8_E4M3, but config\.json has no quantization_config")
def float8_without_scales(folder: Path) -> None:
    small = {name: value.to(torch.float8_e4m3fn) for name, value in weights().items()}
    save_file(small, folder / "model.safetensors")


@row(r"config\.json has attn_implementation = 'evil/kernel': code from the hub")
def attention_from_the_hub(folder: Path) -> None:
    text = CONFIG["text_config"] | {"attn_implementation": "evil/kernel"}
    edit(folder / "config.json", text_config=text)


@row(r"config\.json has configuration_files, which has other files read in place")
def a_configuration_that_is_another_file(folder: Path) -> None:
    edit(folder / "config.json", configuration_files=["config.4.0.0.json"])


@row(r"config\.json has transformers_weights, which has other files read in place")
def weights_that_are_another_file(folder: Path) -> None:
    edit(folder / "config.json", transformers_weights="../outside.safetensors")


# Further ones: what is asked


@row(r"chat_template\.jinja reaches for Python's internals \(__class__ in line 2\)")
def a_template_that_breaks_out(folder: Path) -> None:
    command = f"touch {marker(folder)}"
    (folder / "chat_template.jinja").write_text(
        "{{ messages }}\n{{ ''.__class__.__mro__[1].__subclasses__()[0]"
        f".__init__.__globals__['os'].system('{command}') }}}}"
    )


@row(r"tokenizer_config\.json reaches for Python's internals \(__globals__")
def a_template_in_a_configuration_that_breaks_out(folder: Path) -> None:
    template = "{{ cycler['__init__' | string]['__globals__'].os.popen('true') }}"
    edit(folder / "tokenizer_config.json", chat_template=template.replace("__init__", "x"))


@row(r"chat_template\.jinja is no UTF-8 text")
def a_template_that_is_no_text(folder: Path) -> None:
    (folder / "chat_template.jinja").write_bytes(b"\xff\xfe\x00")


@row(r"tokenizer_config\.json has a chat_template that is a int, not text")
def a_template_that_is_a_number(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", chat_template=7)


@row(r"needs code of its own: tokenizer_config\.json \(auto_map: tokenization_evil\.Evil\)")
def a_tokenizer_with_its_own_code(folder: Path) -> None:
    edit(folder / "config.json", model_type="evil")
    code = {"AutoTokenizer": ["tokenization_evil.Evil", None]}
    edit(folder / "tokenizer_config.json", auto_map=code)
    (folder / "tokenization_evil.py").write_text(f"open({str(marker(folder))!r}, 'w')\n")


# Further ones: pickles


@row(r"has two entries '[^']*data\.pkl', and readers differ in which they take")
def an_archive_with_two_pickles(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(2)})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("pytorch_model/data.pkl", pickle.dumps(Runs(marker(folder)), 2))


@row(r"has a packed entry '[^']*data\.pkl'")
def a_pickle_that_is_packed(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(2), "x": "a" * MIB})
    rewritten(path, compression=zipfile.ZIP_DEFLATED)


@row(r"has a pickle of 33,554,\d{3} bytes; one of tensors has at most 4,194,304")
def a_pickle_of_32_megabytes(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2), "x": "a" * (32 * MIB)})


@row(r"has a pickle of over 500,000 steps")
def a_pickle_of_a_million_lists(folder: Path) -> None:
    with_pickle(folder, b"\x80\x02(" + b"]" * 1_000_000 + b"l.")


@row(r"asks for 2,147,483,647 places of memory")
def a_pickle_that_asks_for_memory(folder: Path) -> None:
    with_pickle(folder, b"\x80\x02}r" + struct.pack("<L", 2**31 - 1) + b".")


@row(r"has a (damaged pickle|pickle with BYTEARRAY8)")
def a_pickle_that_claims_a_terabyte(folder: Path) -> None:
    with_pickle(folder, b"\x80\x02\x96" + struct.pack("<Q", 2**40) + b".")


@row(r"has a pickle with INST, which torch\.save does not write")
def a_pickle_that_calls_without_naming(folder: Path) -> None:
    command = f"touch {marker(folder)}".encode()
    text = b"X" + struct.pack("<L", len(command)) + command
    with_pickle(folder, b"\x80\x02(" + text + b"ios\nsystem\n.")


@row(r"has a pickle with protocol 4, which torch\.save does not write")
def a_pickle_of_another_protocol(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2), "x": Runs(marker(folder))}, pickle_protocol=4)


@row(r"has a damaged pickle")
def a_pickle_that_ends_too_early(folder: Path) -> None:
    with_pickle(folder, b"\x80\x02}q\x00X")


@row(r"no complete torch archive|is no archive")
def a_truncated_archive(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(1000)})
    path.write_bytes(path.read_bytes()[:-500])


@row(r"strides \[-1\] from 0, which are no sizes")
def a_tensor_that_runs_backwards(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(7)})
    rewritten(path, lambda name, data: data.replace(b"K\x01\x85", b"J\xff\xff\xff\xff\x85"))


@row(r"ends at value 255 of a storage of 7: a damaged copy")
def a_tensor_beyond_its_storage(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(7)})
    assert b"K\x00K\x07\x85" in path.read_bytes()
    rewritten(path, lambda name, data: data.replace(b"K\x00K\x07\x85", b"K\xf9K\x07\x85"))


@row(r"storage 0 has 28 bytes, the pickle says 36")
def a_storage_that_is_too_short(folder: Path) -> None:
    path = pickled(folder, {"w": torch.ones(7)})
    rewritten(path, lambda name, data: data.replace(b"K\x07tq", b"K\x09tq"))


@row(r"is TorchScript and holds code")
def a_program(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with zipfile.ZipFile(folder / "model.pt", "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}.")
        archive.writestr("model/code/__torch__.py", "def forward(self): ...")


@row(r"has an entry outside itself, '\.\./marker'")
def an_archive_that_leads_upwards(folder: Path) -> None:
    rewritten(pickled(folder, {"w": torch.ones(2)}), more={"../marker": b"x"})


@row(r"has only pickled weights \(pytorch_model\.bin\), which can run code when loaded")
def an_honest_pickle(folder: Path) -> None:
    pickled(folder, {"w": torch.ones(2)})


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process without torch says of every row."""
    folders = {}
    for name, (build, _) in {"good": (lambda folder: None, ""), **ROWS}.items():
        folder = make_good(tmp_path_factory.mktemp("row") / name.replace(" ", "_"))
        build(folder)
        folders[name] = str(folder)
    rows = tmp_path_factory.mktemp("rows")
    said = look_at(folders, rows, imports=IMPORTS, statement=STATEMENT)
    for name, folder in folders.items():
        said[name]["ran"] = (Path(folder).parent / "marker").exists()
    return said


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measures as Linux does")
@pytest.mark.parametrize("name", ROWS)
def test_is_refused_by_name_without_running_it_in_little_memory(found, name):
    said = found[name]
    assert said["kind"] == "CheckpointError", said
    assert re.search(ROWS[name][1], said["message"]), said["message"]
    assert name.replace(" ", "_") in said["message"]  # the folder
    assert len(said["message"]) < 1000
    assert said["message"].isprintable()
    assert not said["ran"]
    assert said["peak"] < 100 * MIB


def test_the_good_one_is_accepted_without_torch(found):
    assert found["good"]["kind"] == "accepted", found["good"]
    assert not found[""]["torch"]
