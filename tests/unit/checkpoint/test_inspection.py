"""A delta or an adapter over its base: one checkpoint, whose files are those of both."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.folder import CheckpointFolder, inspect_folder
from pytest_vlm.checkpoint.inspection import inspect_checkpoint
from pytest_vlm.checkpoint.patches.patch import Patch
from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.errors import CheckpointError


def inspect(text: object) -> CheckpointFolder:
    return inspect_checkpoint(parse_checkpoint(f"B={text}"))


def test_a_whole_model_is_what_its_folder_is(base):
    assert inspect(base) == inspect_folder(base)
    assert inspect(base).patch is None


def test_a_delta_is_its_base_with_other_weights(base, save_delta):
    path = save_delta()
    found, whole = inspect(path), inspect_folder(base)
    assert (found.path, found.patch) == (base, Patch(kind="delta", path=path))
    assert (found.parameters, found.bytes, found.dtypes) == (
        whole.parameters,
        whole.bytes,
        whole.dtypes,
    )
    assert (found.tokenizer, found.architecture) == (whole.tokenizer, "A")
    assert found.fingerprint != whole.fingerprint
    assert found.remarks == (f"a delta of 1 tensor over {base}",)


def test_an_adapter_adds_its_weights_to_those_of_its_base(base, save_adapter):
    path = save_adapter()
    found, whole = inspect(path), inspect_folder(base)
    assert (found.path, found.patch) == (base, Patch(kind="adapter", path=path))
    assert found.parameters == whole.parameters + 2 * 4 + 6 * 2
    assert found.bytes == whole.bytes + 4 * (2 * 4 + 6 * 2)
    assert found.dtypes == ("F16", "F32")
    assert found.remarks == (f"a LORA adapter of 2 tensors for 1 module over {base}",)


def test_a_patch_of_another_base_is_refused(save_delta, save_adapter):
    with pytest.raises(CheckpointError, match="1 of its 1 tensor is not in the base, such as x"):
        inspect(save_delta({"x": np.zeros(4, np.float16)}))
    with pytest.raises(CheckpointError, match="1 of its 1 module is of another size in the base"):
        inspect(
            save_adapter(
                {
                    "base_model.model.model.layers.0.q_proj.lora_A.weight": np.ones((2, 5)),
                    "base_model.model.model.layers.0.q_proj.lora_B.weight": np.ones((6, 2)),
                }
            )
        )


def test_the_fingerprint_is_of_both_and_of_no_name(base, save_delta, tmp_path):
    first = inspect(save_delta()).fingerprint
    assert inspect(save_delta(name="other.safetensors")).fingerprint == first
    assert inspect(save_delta({"model.norm.weight": np.ones(4, np.float16)})).fingerprint != first
    path = save_delta()
    (base / "chat_template.jinja").write_text("{{ other }}")
    assert inspect(path).fingerprint != first


@pytest.mark.parametrize("which", ["base/chat_template.jinja", "delta.safetensors"])
@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"other"), Path.unlink])
def test_a_change_of_either_is_noticed(base, save_delta, tmp_path, which, change):
    found = inspect(save_delta())
    found.check_unchanged()
    change(tmp_path / which)
    with pytest.raises(CheckpointError, match=r"delta.safetensors or its base .* was changed"):
        found.check_unchanged()


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_change_of_an_adapter_is_noticed(save_adapter, name):
    path = save_adapter()
    found = inspect(path)
    os.utime(path / name, (1, 1))
    with pytest.raises(CheckpointError, match="was changed while it was used"):
        found.check_unchanged()


def test_the_base_of_the_command_line_comes_first(base, save_delta, tmp_path, monkeypatch):
    other = Path(shutil.copytree(base, tmp_path / "other + one"))
    path = save_delta()
    assert inspect(f"{path}?base={other}").path == other
    monkeypatch.chdir(tmp_path)
    assert inspect("delta.safetensors?base=other + one").path == Path("other + one")


@pytest.mark.parametrize("key", ["base", "base_model", "base_model_name_or_path"])
def test_a_delta_may_say_its_base_in_several_words(base, save_delta, key):
    path = save_delta(**{"base": "", key: "base"})
    assert inspect(path).path == base


def test_a_file_beside_a_delta_says_its_base(base, save_delta):
    path = save_delta(base="gone")
    path.with_suffix(".json").write_text('{"base": "base"}')
    assert inspect(path).path == base


def test_a_base_is_looked_for_beside_the_delta_and_then_here(
    base, save_delta, tmp_path, monkeypatch
):
    (tmp_path / "deep").mkdir()
    path = save_delta(name="deep/delta.safetensors")
    monkeypatch.chdir(tmp_path)
    assert inspect(path).path == base
    shutil.copytree(base, tmp_path / "deep" / "base")
    assert inspect(path).path == tmp_path / "deep" / "base"


def test_the_recorded_fingerprint_of_the_base_is_held_against_it(base, save_delta):
    right = inspect_folder(base).fingerprint
    assert inspect(save_delta(base_fingerprint=right)).path == base
    with pytest.raises(
        CheckpointError, match=rf"with the fingerprint 'abc', but that of .* {right!r}"
    ):
        inspect(save_delta(base_fingerprint="abc"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base": ""}, r"is a delta, and nothing says of which base; add it: .*\?base=path"),
        ({"base": "../x/gone"}, "is a delta over '../x/gone', which is neither a folder here"),
        ({"base": "a\nb"}, r"names the base 'a\\nb', which is no path"),
        ({"base": "x" * 9000}, "names the base 'x+', which is no path"),
        ({"base": "delta.safetensors"}, "is a delta over itself, says its own files"),
        (
            {"base": "first.safetensors"},
            "first.safetensors, the base of .* is a delta or an adapter",
        ),
        ({"base": "adapter"}, "adapter, the base of .* is a delta or an adapter itself"),
        ({"base": "models:/a/1"}, "which is neither a folder here nor a hub id"),
        ({"base": "loop"}, "loop is a link in a circle"),
        ({"base": "empty"}, "empty is not a checkpoint: it has no config.json"),
    ],
)
def test_a_base_that_cannot_be(save_delta, save_adapter, tmp_path, given, message):
    save_delta(name="first.safetensors")
    save_adapter()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(CheckpointError, match=message):
        inspect(save_delta(**given))


def test_a_whole_model_has_no_base(base):
    with pytest.raises(
        CheckpointError, match="is neither a delta nor an adapter, so it has no base"
    ):
        inspect(f"{base}?base={base}")


def test_a_delta_that_is_not_there_is_no_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no such checkpoint: runs/d\.safetensors does"):
        inspect("runs/d.safetensors")


def test_code_of_a_base_that_nobody_named_is_not_trusted(base, save_delta):
    path = save_delta()
    with pytest.raises(
        CheckpointError, match="would run the code of a base that only the delta's own"
    ):
        inspect(f"{path}?trust_remote_code=yes")
    assert inspect(f"{path}?trust_remote_code=yes&base={base}").path == base


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("tokenizer.json", {"model": {"vocab": {"b": 0}}}, "tokenizer"),
        ("chat_template.json", {"chat_template": "{{ other }}"}, "chat template"),
        ("preprocessor_config.json", {"patch_size": 9}, "preprocessor_config.json"),
    ],
)
def test_files_that_would_ask_otherwise_are_refused(base, save_adapter, name, content, what):
    path = save_adapter()
    for same in ("tokenizer.json", "chat_template.jinja", "preprocessor_config.json"):
        shutil.copy(base / same, path)
    assert inspect(path).path == base
    (path / "chat_template.jinja").unlink()
    (path / name).write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=f"brings its own {what}, not that of its base"):
        inspect(path)


def test_files_that_cannot_be_compared_are_said(save_adapter):
    path = save_adapter()
    (path / "processor_config.json").write_text('{"image_processor": {"patch_size": 8}}')
    assert (
        "processor_config.json beside it is not used, the base's files are" in inspect(path).remarks
    )


def test_files_of_another_checkpoint_are_not_the_deltas(base, save_delta, tmp_path):
    other = Path(shutil.copytree(base, tmp_path / "other"))
    (other / "chat_template.jinja").write_text("{{ other }}")
    path = Path(shutil.move(save_delta(base="../base"), other))
    assert inspect(path).path == base


def test_a_folder_that_is_both_is_refused(base, save_adapter):
    path = save_adapter()
    shutil.copy(base / "model.safetensors", path)
    with pytest.raises(CheckpointError, match=r"both a model \(model.safetensors\) and an adapter"):
        inspect(path)


def test_a_server_and_a_folder_are_not_compared_by_their_files(base):
    catalog = CheckpointCatalog(in_folders=True)
    a, b = parse_checkpoint(f"A={base}"), parse_checkpoint("B=http://host/v1#m")
    assert catalog.summary(b).source == "http://host/v1#m"
    assert catalog.summary(b).fingerprint == ""
    catalog.check_comparable(a, b)
    assert list(catalog.remarks(a, b)) == [
        "a server answers: whether both see the same question is not known here"
    ]


def test_the_catalog_takes_a_delta(base, save_delta):
    catalog = CheckpointCatalog(in_folders=True)
    a, b = parse_checkpoint(f"A={base}"), parse_checkpoint(f"B={save_delta()}")
    catalog.check_comparable(a, b)
    assert list(catalog.remarks(a, b)) == [f"a delta of 1 tensor over {base}"]
    assert catalog.summary(b).parameters == catalog.summary(a).parameters
