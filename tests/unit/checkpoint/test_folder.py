"""A checkpoint folder inspected without torch: what it is, whether it is whole, what it sees."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.files.weights import INDEX
from pytest_vlm.checkpoint.folder import check_comparable, file_digest, inspect_folder
from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.errors import CheckpointError, CheckpointMismatch

safetensors = pytest.importorskip("safetensors.numpy")

WEIGHTS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3)}
TOKENIZER = {"model": {"vocab": {"a": 0}}, "normalizer": None, "version": "1"}


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def edit(path: Path, **changes: object) -> None:
    write(path, json.loads(path.read_text(encoding="utf-8")) | changes)


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "a"
    path.mkdir()
    write(path / "config.json", {"architectures": ["Qwen3VLForConditionalGeneration"]})
    write(path / "preprocessor_config.json", {"patch_size": 8, "transformers_version": "5.23"})
    write(path / "tokenizer.json", TOKENIZER)
    write(path / "tokenizer_config.json", {"pad_token": "<pad>"})
    (path / "chat_template.jinja").write_text("{{ messages }}")
    safetensors.save_file(WEIGHTS, path / "model.safetensors")
    return path


@pytest.fixture
def shards(folder) -> Path:
    (folder / "model.safetensors").unlink()
    for name in ("one", "two"):
        safetensors.save_file({name: np.zeros(4, np.float16)}, folder / f"{name}.safetensors")
    write(folder / INDEX, {"weight_map": {n: f"{n}.safetensors" for n in ("one", "two")}})
    return folder


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "b"))


def compare(one: Path, other: Path) -> None:
    a, b = (CheckpointSpec(name=n, source=str(p)) for n, p in (("A", one), ("B", other)))
    check_comparable(a, inspect_folder(one), b, inspect_folder(other))


def test_says_what_the_checkpoint_is(folder):
    found = inspect_folder(folder)
    assert found.architecture == "Qwen3VLForConditionalGeneration"
    assert (found.parameters, found.bytes, found.dtypes) == (6, 24, ("F32",))
    assert found.chat_template
    assert found.tokenizer
    assert found.processor


def test_a_tokenizer_without_a_limit_is_stock(folder):
    edit(folder / "tokenizer_config.json", model_max_length=int(1e30))
    assert inspect_folder(folder).tokenizer


def test_adds_up_shards(shards):
    found = inspect_folder(shards)
    assert (found.parameters, found.bytes, found.dtypes) == (8, 16, ("F16",))


@pytest.mark.parametrize("name", ["strong", "weak"])
def test_reads_the_committed_checkpoints(name):
    checkpoints = Path(__file__).parents[3] / "app" / "digits" / "checkpoints"
    found = inspect_folder(checkpoints / name)
    assert found.architecture == "Qwen3VLForConditionalGeneration"
    assert 100_000 < found.parameters < 2_000_000


def test_no_such_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"no such checkpoint: .*gone does not exist"):
        inspect_folder(tmp_path / "gone")


def test_a_file_is_no_checkpoint(folder):
    with pytest.raises(CheckpointError, match="is a file; a checkpoint is a folder"):
        inspect_folder(folder / "model.safetensors")


def test_a_folder_without_a_configuration_is_no_checkpoint(folder):
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"is not a checkpoint: it has no config\.json$"):
        inspect_folder(folder)


def test_the_checkpoint_inside_the_folder_is_proposed(folder):
    with pytest.raises(CheckpointError, match=rf"did you mean {folder}\?"):
        inspect_folder(folder.parent)


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "cannot be read as JSON"), (b"[]", "holds no JSON object"), (b"\xff", "as JSON")],
)
def test_broken_json_is_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"{name}.*{message}"):
        inspect_folder(folder)


def test_no_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"it has no \*\.safetensors weights"):
        inspect_folder(folder)


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt", "model.pth"])
def test_pickled_weights_are_refused(folder, pickle):
    (folder / "model.safetensors").unlink()
    torch.save({"w": torch.zeros(2, 3)}, folder / pickle)
    with pytest.raises(CheckpointError, match=rf"only pickled weights \({pickle}\), .*run code"):
        inspect_folder(folder)


def test_truncated_weights_are_refused(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="an incomplete copy"):
        inspect_folder(folder)


def test_a_missing_shard_is_named(shards):
    (shards / "two.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"is incomplete: two\.safetensors is missing"):
        inspect_folder(shards)


@pytest.mark.parametrize(
    "name", ["../a/one.safetensors", "../other.safetensors", "/tmp/x.safetensors", "one.bin", "x/y"]
)
def test_an_index_names_safetensors_beside_it_only(shards, name):
    edit(shards / INDEX, weight_map={"one": "one.safetensors", "two": name})
    with pytest.raises(CheckpointError, match="not a file beside it"):
        inspect_folder(shards)


@pytest.mark.parametrize("index", [{}, {"weight_map": {}}, {"weight_map": ["one"]}])
def test_an_index_without_weights(shards, index):
    write(shards / INDEX, index)
    with pytest.raises(CheckpointError, match="names no weights"):
        inspect_folder(shards)


def test_one_bit_of_a_weight_changes_the_fingerprint(folder, copy):
    before = inspect_folder(folder)
    assert inspect_folder(copy).fingerprint == before.fingerprint
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    assert inspect_folder(copy).fingerprint != before.fingerprint


@pytest.mark.parametrize("name", ["config.json", "chat_template.jinja", "tokenizer_config.json"])
def test_every_file_counts_for_the_fingerprint(folder, copy, name):
    (copy / name).write_text((copy / name).read_text() + " ")
    assert inspect_folder(copy).fingerprint != inspect_folder(folder).fingerprint


def test_other_weights_are_comparable(folder, copy):
    safetensors.save_file({"w": WEIGHTS["w"] + 1}, copy / "model.safetensors")
    assert inspect_folder(copy).fingerprint != inspect_folder(folder).fingerprint
    compare(folder, copy)


def test_another_library_version_is_comparable(folder, copy):
    edit(copy / "preprocessor_config.json", transformers_version="5.24", processor_class="X")
    edit(copy / "config.json", torch_dtype="bfloat16")
    assert inspect_folder(copy).processor == inspect_folder(folder).processor
    compare(folder, copy)


def change_template(path: Path) -> None:
    (path / "chat_template.jinja").write_text("{{ messages | reverse }}")


def lose_template(path: Path) -> None:
    (path / "chat_template.jinja").unlink()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (change_template, "chat template"),
        (lose_template, "chat template"),
        (lambda p: edit(p / "tokenizer.json", model={"vocab": {"a": 1}}), "tokenizer"),
        (lambda p: edit(p / "tokenizer.json", normalizer={"type": "Lowercase"}), "tokenizer"),
        (lambda p: edit(p / "preprocessor_config.json", patch_size=16), "image processor"),
        (lambda p: (p / "preprocessor_config.json").unlink(), "image processor"),
    ],
)
def test_sides_that_would_not_see_the_same_question_are_refused(folder, copy, change, what):
    change(copy)
    message = f"the {what}s of B .*/b.* and the baseline A .*/a.* differ"
    with pytest.raises(CheckpointMismatch, match=message):
        compare(folder, copy)


def test_one_template_is_one_template_wherever_it_is_kept(folder, copy):
    (folder / "chat_template.jinja").write_text("{{ messages }}\n")
    (copy / "chat_template.jinja").unlink()
    edit(copy / "tokenizer_config.json", chat_template="{{ messages }}\n")
    assert inspect_folder(copy).chat_template == inspect_folder(folder).chat_template
    compare(folder, copy)


def test_an_adapter_is_no_whole_model(folder):
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"holds an adapter .*, not a whole model; .*\?base="):
        inspect_folder(folder)


def test_a_folder_that_nobody_touched_is_unchanged(folder):
    found = inspect_folder(folder)
    read = [path.read_bytes() for path in folder.iterdir()]
    found.check_unchanged()
    assert len(found.signature) == len(read)
    assert inspect_folder(folder) == found


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_is_written_again_is_seen_though_size_and_time_are_kept(folder, name):
    found = inspect_folder(folder)
    before = (folder / name).stat()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + b" ")
    os.utime(folder / name, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(CheckpointError, match="was changed while it was used"):
        found.check_unchanged()


def test_a_file_that_is_added_is_seen(folder):
    found = inspect_folder(folder)
    write(folder / "generation_config.json", {"temperature": 2.0})
    with pytest.raises(CheckpointError, match="was changed"):
        found.check_unchanged()


def digest_that(change):
    """A digest of files that lets something happen in between."""

    def digest(path: Path) -> str:
        change()
        return file_digest(path)

    return digest


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "new.json"])
def test_a_file_that_changes_while_it_is_read_is_seen(folder, name):
    content = (folder / name).read_bytes() if (folder / name).exists() else b"{}"
    with pytest.raises(CheckpointError, match="was changed while it was used"):
        inspect_folder(folder, digest_that(lambda: (folder / name).write_bytes(content)))


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="file modes are POSIX")
def test_a_folder_that_may_not_be_looked_into_is_named():
    with tempfile.TemporaryDirectory() as parent:
        Path(parent).chmod(0o755)
        (Path(parent) / "closed").mkdir(mode=0o000)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            with pytest.raises(CheckpointError, match="closed cannot be read: Permission denied"):
                inspect_folder(Path(parent) / "closed")
        finally:
            if root:
                os.seteuid(0)


def test_a_file_that_vanishes_while_it_is_read_is_named(folder):
    vanish = digest_that(lambda: (folder / "tokenizer_config.json").unlink(missing_ok=True))
    with pytest.raises(CheckpointError, match=r"tokenizer_config\.json cannot be read"):
        inspect_folder(folder, vanish)


CODE = {"auto_map": {"AutoModel": "modeling_own.Model"}}


def test_code_that_a_stock_class_replaces_is_a_remark(folder):
    edit(folder / "config.json", model_type="qwen3_vl", **CODE)
    (remark,) = inspect_folder(folder).remarks
    assert "its own code, config.json (auto_map: modeling_own.Model), is not run" in remark


def test_code_that_is_needed_is_accepted_only_where_it_is_trusted(folder):
    edit(folder / "config.json", model_type="own", **CODE)
    with pytest.raises(CheckpointError, match=r"if you trust it, add \?trust_remote_code=yes"):
        inspect_folder(folder)
    assert inspect_folder(folder, trust_remote_code=True).remarks == ()


def test_code_counts_for_the_fingerprint(folder, copy):
    (copy / "modeling_own.py").write_text("pass")
    assert inspect_folder(copy).fingerprint != inspect_folder(folder).fingerprint


def differ_in_all(path: Path) -> None:
    change_template(path)
    edit(path / "tokenizer.json", normalizer={"type": "Lowercase"})
    edit(path / "preprocessor_config.json", patch_size=16)


def catalog_of(folder: Path, copy: Path):
    specs = [CheckpointSpec(name=n, source=str(p)) for n, p in (("A", folder), ("B", copy))]
    return CheckpointCatalog(in_folders=True), *specs


def test_differences_are_named_with_the_option_that_allows_them(folder, copy):
    differ_in_all(copy)
    catalog, a, b = catalog_of(folder, copy)
    with pytest.raises(
        CheckpointMismatch, match=r"add --vlm-allow-different processor,template,tokenizer$"
    ):
        catalog.check_comparable(a, b)


@pytest.mark.parametrize("kind", ["template", "tokenizer", "processor"])
def test_each_difference_needs_its_own_word(folder, copy, kind):
    differ_in_all(copy)
    catalog, a, b = catalog_of(folder, copy)
    every = frozenset({"template", "tokenizer", "processor"})
    catalog.check_comparable(a, b, every)
    with pytest.raises(CheckpointMismatch):
        catalog.check_comparable(a, b, every - {kind})


def test_an_allowed_difference_is_a_remark(folder, copy):
    change_template(copy)
    catalog, a, b = catalog_of(folder, copy)
    allowed = frozenset({"template", "tokenizer"})
    (remark,) = catalog.remarks(a, b, allowed)
    assert remark.startswith("its chat template differs from that of the baseline A, as allowed")
    assert list(catalog.remarks(a, b)) == []


def test_trusted_code_is_a_remark(folder, copy):
    catalog, a, b = catalog_of(folder, copy)
    trusting = replace(b, trust_remote_code=True)
    assert "B runs code of its own (trust_remote_code=yes)" in list(catalog.remarks(a, trusting))
