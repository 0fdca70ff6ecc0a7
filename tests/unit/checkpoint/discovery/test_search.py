"""Whatever lies in a folder, its checkpoints are found, and the broken ones say why."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_vlm.checkpoint.discovery.found import Found
from pytest_vlm.checkpoint.discovery.search import _natural, discover
from pytest_vlm.checkpoint.spec import NAME
from pytest_vlm.errors import CheckpointError

safetensors = pytest.importorskip("safetensors.numpy")

ROOT = Path(__file__).parents[4]


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def weights(path: Path, count: int = 6, dtype: Any = np.float32, **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    safetensors.save_file({"w": np.ones(count, dtype)}, path, metadata=metadata or None)
    return path


def model(folder: Path, **config: object) -> Path:
    weights(folder / "model.safetensors")
    write(folder / "config.json", {"model_type": "qwen3_vl", **config})
    return folder


def trained(run: Path, step: int, best: str | None = None, **metrics: float) -> Path:
    folder = model(run / f"checkpoint-{step}")
    log = [{"loss": 9.0, "step": step - 1}, {**metrics, "step": step, "epoch": step / 100}]
    state = {"global_step": step, "epoch": step / 100, "log_history": log}
    write(folder / "trainer_state.json", {**state, "best_model_checkpoint": best})
    return folder


def only(folder: Path) -> Found:
    (found,) = discover(folder)
    return found


def names(folder: Path, **options: Any) -> list[str]:
    return [one.name for one in discover(folder, **options)]


def test_a_model_is_described_by_its_headers(tmp_path):
    folder = model(tmp_path / "a", _name_or_path="org/base")
    os.utime(folder / "model.safetensors", (1.7e9, 1.7e9))
    found = only(tmp_path)
    assert (found.name, found.path, found.kind, found.problem) == ("a", folder, "model", "")
    assert (found.parameters, found.dtypes, found.base) == (6, ("F32",), "org/base")
    assert found.bytes == (folder / "model.safetensors").stat().st_size
    assert found.date == datetime.fromtimestamp(1.7e9, UTC)
    assert (found.step, found.epoch, found.metrics) == (None, None, {})


def test_the_folder_itself_may_be_the_checkpoint(tmp_path):
    assert only(model(tmp_path / "a")).name == "a"


def test_the_committed_checkpoints():
    found = {one.name: one for one in discover(ROOT / "app" / "digits")}
    assert {name: one.step for name, one in found.items()} == {
        "weak": 170,
        "misled": 300,
        "strong": 700,
    }
    assert not any(one.problem for one in found.values())
    assert found["weak"].parameters == found["strong"].parameters == 439_664
    assert found["strong"].metrics["overall"] == pytest.approx(0.868)
    assert (found["misled"].kind, found["misled"].base) == ("delta", "strong")


def test_a_checkpoint_of_a_trainer_says_how_far_it_came(tmp_path):
    trained(tmp_path, 500, best="C:\\runs\\checkpoint-400", eval_loss=0.5, eval_wer=float("nan"))
    found = only(tmp_path)
    assert (found.kind, found.step, found.epoch) == ("trainer", 500, 5.0)
    assert found.metrics["eval_loss"] == 0.5
    assert "loss" not in found.metrics  # logged at another step
    assert np.isnan(found.metrics["eval_wer"])
    assert found.best_so_far == "checkpoint-400"


def test_shards_are_added_up_and_the_most_frequent_dtype_is_first(tmp_path):
    for number, (count, dtype) in enumerate([(3, np.float32), (9, np.float16)], 1):
        weights(tmp_path / "a" / f"model-0000{number}-of-00002.safetensors", count, dtype)
    shards = [path.name for path in (tmp_path / "a").iterdir()]
    write(tmp_path / "a/model.safetensors.index.json", {"weight_map": dict(enumerate(shards))})
    write(tmp_path / "a/config.json", {"model_type": "x"})
    found = only(tmp_path)
    assert (found.parameters, found.dtypes, found.problem) == (12, ("F16", "F32"), "")


def test_an_adapter_names_its_base(tmp_path):
    weights(tmp_path / "lora/adapter_model.safetensors")
    write(tmp_path / "lora/adapter_config.json", {"base_model_name_or_path": "org/base"})
    found = only(tmp_path)
    assert (found.kind, found.base, found.problem) == ("adapter", "org/base", "")


def test_a_delta_describes_itself(tmp_path):
    weights(tmp_path / "head.safetensors", base="org/base", step="40", metrics='{"eval_loss": 2}')
    found = only(tmp_path)
    assert (found.name, found.kind, found.base, found.step) == ("head", "delta", "org/base", 40)
    assert found.metrics == {"eval_loss": 2.0}


def test_a_delta_of_torch_is_counted_without_running_it(tmp_path):
    torch = pytest.importorskip("torch")
    shared = torch.zeros(10, 3)
    torch.save({"w": shared, "row": shared[0], "v": torch.zeros(4).bfloat16()}, tmp_path / "a.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "b.pt")
    good, whole = discover(tmp_path)
    assert (good.parameters, good.dtypes, good.problem) == (34, ("F32", "BF16"), "")
    assert whole.problem.startswith("b.pt holds more than tensors")


@pytest.mark.parametrize("sidecar", ["head.json", "head.safetensors.json"])
def test_a_sidecar_describes_a_delta(tmp_path, sidecar):
    weights(tmp_path / "head.safetensors", base="old")
    write(tmp_path / sidecar, {"base": "new", "epoch": 1.5, "metrics": {"acc": 0.5}})
    found = only(tmp_path)
    assert (found.base, found.epoch, found.metrics) == ("new", 1.5, {"acc": 0.5})


def test_a_single_file_may_be_searched(tmp_path):
    assert only(weights(tmp_path / "head.safetensors")).name == "head"


def test_a_training_has_other_files_that_are_no_deltas(tmp_path):
    run = trained(tmp_path, 5)
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt"):
        write(run / name, "x")
        write(tmp_path / name, "x")
    write(run / "global_step5/mp_rank_00_model_states.pt", "x")
    write(tmp_path / "global_step5/zero_pp_rank_0_optim_states.pt", "x")
    assert names(tmp_path) == ["checkpoint-5"]


def test_the_order_is_natural(tmp_path):
    for step in (10, 9, 100):
        trained(tmp_path / "run", step)
    model(tmp_path / "run")
    assert names(tmp_path) == ["run", "checkpoint-9", "checkpoint-10", "checkpoint-100"]
    assert names(tmp_path, by="name") == ["checkpoint-9", "checkpoint-10", "checkpoint-100", "run"]


def test_runs_stay_together_by_step_and_mix_by_date(tmp_path):
    for time, (run, step) in enumerate([("r2", 2), ("r10", 1), ("r2", 1), ("r10", 2)]):
        os.utime(trained(tmp_path / run, step) / "model.safetensors", (time, time))
    order = ["r2-checkpoint-1", "r2-checkpoint-2", "r10-checkpoint-1", "r10-checkpoint-2"]
    assert names(tmp_path) == order
    assert names(tmp_path, by="date") == [order[n] for n in (1, 2, 0, 3)]


def test_names_are_as_short_as_tells_them_apart(tmp_path):
    for path in ("a/x/model", "b/x/model", "b/other"):
        model(tmp_path / path)
    assert names(tmp_path) == ["a-x-model", "other", "b-x-model"]


def test_names_are_legal_and_unlike_each_other(tmp_path):
    for path in ("a b", "a-b", "a?b", "日本"):
        model(tmp_path / path)
    weights(tmp_path / "head.safetensors")
    write(tmp_path / "head.pt", "x")
    found = names(tmp_path)
    assert len(set(found)) == len(found) == 6
    assert all(NAME.fullmatch(name) for name in found)


def test_a_snapshot_of_the_hub_is_called_by_its_repository(tmp_path):
    repository = tmp_path / "hub/models--org--my-model"
    weights(repository / "blobs/abc.tmp").rename(repository / "blobs/abc")
    snapshot = repository / "snapshots/0123456789abcdef"
    write(snapshot / "config.json", {"model_type": "x"})
    (snapshot / "model.safetensors").symlink_to("../../blobs/abc")
    found = only(tmp_path)
    assert (found.name, found.parameters, found.problem) == ("my-model-0123456", 6, "")


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "config.json").unlink(), r"^it has no config\.json$"),
        (lambda f: write(f / "config.json", "{"), r"^config\.json cannot be read as JSON"),
        (lambda f: write(f / "config.json", "[]"), r"^config\.json holds no JSON object"),
        (lambda f: write(f / "trainer_state.json", '{"a": '), r"^trainer_state\.json cannot be"),
        (lambda f: write(f / "trainer_state.json", "[" * 10**5), r"^trainer_state\.json cannot"),
        (lambda f: os.truncate(f / "model.safetensors", 90), r"^model\.safetensors is"),
        (lambda f: write(f / "model.safetensors", "version https://git-lfs.x"), "git lfs pull"),
    ],
)
def test_a_broken_checkpoint_says_why(tmp_path, broken, problem):
    broken(trained(tmp_path, 7, eval_loss=1.0))
    found = only(tmp_path)
    assert (found.name, found.step) == ("checkpoint-7", 7)
    with pytest.raises(AssertionError, match=problem):
        raise AssertionError(found.problem)


def test_what_lies_beside_the_weights_does_not_count(tmp_path):
    weights(model(tmp_path / "a") / "consolidated.safetensors", 100)
    assert only(tmp_path).parameters == 6


def test_two_saves_in_one_folder(tmp_path):
    folder = model(tmp_path / "a")
    write(folder / "model.safetensors.index.json", {"weight_map": {"w": "model.safetensors"}})
    assert "both model.safetensors and model.safetensors.index.json" in only(tmp_path).problem


def test_weights_under_a_name_of_their_own(tmp_path):
    folder = model(tmp_path / "a")
    (folder / "model.safetensors").rename(folder / "mine.safetensors")
    assert "mine.safetensors, but no model.safetensors" in only(tmp_path).problem


def test_what_another_system_leaves_beside_the_weights_is_no_shard(tmp_path):
    write(model(tmp_path / "a") / "._model.safetensors", "Mac OS X")
    assert only(tmp_path).problem == ""


def test_an_empty_folder_of_a_trainer_is_an_interrupted_save(tmp_path):
    (tmp_path / "checkpoint-12").mkdir()
    found = only(tmp_path)
    assert (found.step, found.bytes, found.date) == (12, 0, None)
    assert "no weights (*.safetensors); was the saving interrupted?" in found.problem


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("pytorch_model.bin", "only pickled weights"),
        ("global_step5", r"zero_to_fp32\.py"),
        ("pytorch_model_fsdp_0", "merge-weights"),
    ],
)
def test_weights_that_must_be_converted_first(tmp_path, name, problem):
    folder = trained(tmp_path, 5)
    (folder / "model.safetensors").unlink()
    (folder / name).mkdir()
    assert problem.replace("\\", "") in only(tmp_path).problem


def test_missing_shards_are_named_with_or_without_an_index(tmp_path):
    files = [f"model-0000{n}-of-00005.safetensors" for n in range(1, 6)]
    weights(tmp_path / "a" / files[0])
    write(tmp_path / "a/config.json", {"model_type": "x"})
    assert only(tmp_path).problem == (
        "incomplete: 1 of 5 files of weights are here, and no model.safetensors.index.json"
    )
    write(tmp_path / "a/model.safetensors.index.json", {"weight_map": dict(enumerate(files))})
    problem = "4 of 5 files of weights are missing: " + ", ".join(files[1:4]) + " and 1 more"
    assert problem in only(tmp_path).problem


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/x.safetensors", "a\\b.safetensors", "x.bin"]
)
def test_an_index_cannot_lead_elsewhere(tmp_path, name):
    weights(tmp_path / "x.safetensors")
    folder = model(tmp_path / "a")
    (folder / "model.safetensors").unlink()
    write(folder / "model.safetensors.index.json", {"weight_map": {"w": name}})
    assert "not a safetensors file beside it" in discover(folder)[0].problem


def test_a_link_to_nothing_says_where_it_leads(tmp_path):
    folder = model(tmp_path / "a")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to("../../blobs/gone")
    assert only(tmp_path).problem == (
        "model.safetensors is a link to ../../blobs/gone, which is not there"
    )


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "trainer_state.json"])
def test_a_pipe_is_not_waited_for(tmp_path, name):
    folder = trained(tmp_path, 3)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f"{name} is a pipe" in only(tmp_path).problem


def test_a_header_cannot_claim_more_values_than_bytes(tmp_path):
    entry = {"dtype": "F32", "shape": [10**300, 10**300], "data_offsets": [0, 4]}
    header = json.dumps({"w": entry}).encode()
    (tmp_path / "x.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"1234")
    assert only(tmp_path).problem


@pytest.mark.parametrize("value", [1e400, -1, 2.5, True, "x", [], None, "9" * 5000])
def test_a_step_that_is_none(tmp_path, value):
    write(model(tmp_path / "a") / "trainer_state.json", {"global_step": value, "log_history": 3})
    found = only(tmp_path)
    assert (found.step, found.metrics, found.problem) == (None, {}, "")


def test_links_to_folders_are_followed_once(tmp_path):
    real = trained(tmp_path / "run", 9)
    (tmp_path / "a-latest").symlink_to("run/checkpoint-9")
    (tmp_path / "run/loop").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    assert only(tmp_path).path == real


def test_a_link_to_another_disk_is_followed_but_not_one_above(tmp_path):
    model(tmp_path / "elsewhere/big")
    model(tmp_path / "neighbour")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/disk").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "runs/up").symlink_to(tmp_path)
    (tmp_path / "runs/root").symlink_to("/")
    assert names(tmp_path / "runs") == ["big"]


def test_hidden_folders_are_left_out_unless_asked_for(tmp_path):
    model(tmp_path / ".cache/a")
    weights(tmp_path / ".half-copied.safetensors")
    assert names(tmp_path) == []
    assert names(tmp_path / ".cache") == ["a"]


def test_what_is_no_checkpoint_is_left_out(tmp_path):
    write(tmp_path / "web/config.json", {"port": 80})
    write(tmp_path / "web/broken/config.json", "{")
    write(tmp_path / "package/training.json", {})
    for number in range(10_000):
        (tmp_path / f"{number}.png").touch()
    assert discover(tmp_path) == ()


def test_a_training_folder_without_a_model_of_its_own(tmp_path):
    trained(tmp_path / "run", 5)
    write(tmp_path / "run/trainer_state.json", {"global_step": 5})
    assert names(tmp_path) == ["checkpoint-5"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs another user")
def test_an_unreadable_folder_is_listed(tmp_path):
    model(tmp_path / "a")
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from pytest_vlm.checkpoint.discovery.search import discover\n"
        "root = os.open(sys.argv[1], os.O_RDONLY); os.fchdir(root)\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(*((one.name, one.problem) for one in discover(Path('.'))), sep='\\n')\n"
    )
    for path in (tmp_path, *tmp_path.rglob("*")):
        if path.name != "closed":
            path.chmod(path.stat().st_mode | stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0))
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert "('closed', 'cannot be read: Permission denied')" in done.stdout
    assert "('a', '')" in done.stdout


def test_no_such_folder(tmp_path):
    with pytest.raises(CheckpointError, match=r"no such folder: .*/gone does not exist"):
        discover(tmp_path / "gone")


def test_names_that_are_no_text(tmp_path):
    strange = Path(os.fsdecode(os.fsencode(tmp_path) + b"/a\xff"))
    model(strange)
    assert only(tmp_path).path == strange


def test_torch_is_not_imported(tmp_path):
    trained(tmp_path, 3)
    script = (
        "import sys; from pathlib import Path\n"
        "from pytest_vlm.checkpoint.discovery.search import discover\n"
        "assert len(discover(Path(sys.argv[1]))) == 1\n"
        "print({'torch', 'transformers', 'numpy', 'safetensors', 'blake3'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


@given(st.lists(st.integers(0, 10**6), min_size=2, unique=True))
def test_numbers_in_names_are_numbers(numbers):
    given_names = [f"checkpoint-{n}" for n in numbers]
    assert sorted(given_names, key=_natural) == [f"checkpoint-{n}" for n in sorted(numbers)]


@given(st.text(), st.text())
def test_any_two_names_have_an_order(one, other):
    assert (_natural(one) < _natural(other)) or (_natural(one) >= _natural(other))
