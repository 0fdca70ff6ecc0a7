"""``python -m pytest_vlm checkpoints`` on real files."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_vlm.__main__ import main
from pytest_vlm.checkpoint.inspection import inspect_checkpoint
from pytest_vlm.checkpoint.spec import parse_checkpoint

safetensors = pytest.importorskip("safetensors.numpy")

ROOT = Path(__file__).parents[2]
LOSSES = {100: 1.4, 200: 0.9, 300: 0.66, 400: 0.7}


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def model(folder: Path) -> Path:
    write(folder / "config.json", {"model_type": "qwen3_vl"})
    safetensors.save_file({"w": np.ones(1500, np.float16)}, folder / "model.safetensors")
    return folder


@pytest.fixture
def run(tmp_path) -> Path:
    """A training of four steps, of which the last three are kept."""
    log = []
    for step, loss in LOSSES.items():
        log.append({"eval_loss": loss, "eval_accuracy": 1 - loss / 2, "step": step})
        log.append({"eval_runtime": 3.0, "learning_rate": 1e-5, "step": step})
        if step > 100:
            state = {"global_step": step, "epoch": step / 100, "log_history": log}
            write(model(tmp_path / f"sft/checkpoint-{step}") / "trainer_state.json", state)
    return tmp_path / "sft"


@pytest.fixture
def checkpoints(capsys):
    """Run the command and give what it printed."""

    def run(*arguments: object) -> str:
        assert main(["checkpoints", *map(str, arguments)]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(capsys):
    """Run the command and give its complaint."""

    def run(*arguments: object) -> str:
        assert main(["checkpoints", *map(str, arguments)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        return said.err

    return run


def rows(said: str) -> list[list[str]]:
    """The table's cells, with its head."""
    table = said.partition("\n*")[0].partition("\n\n")[0]
    return [re.split(r" {2,}", line) for line in table.splitlines()]


def proposed(said: str) -> list[tuple[str, str]]:
    """Name and source of each checkpoint of the command at the end."""
    words = shlex.split(said.splitlines()[-1])
    assert words[:2] == ["pytest", "suites"]
    specs = [parse_checkpoint(word) for word in words[2:] if word != "--checkpoint"]
    return [(spec.name, spec.source) for spec in specs]


def test_the_table_the_timeline_and_the_command(checkpoints, run):
    said = checkpoints(run)
    head, *lines = rows(said)
    assert " ".join(head) == "name step epoch eval_loss size dtype parameters date"
    assert [line[:4] for line in lines] == [
        ["checkpoint-200", "200", "2.00", "0.900"],
        ["checkpoint-300", "300", "3.00", "0.660 *"],
        ["checkpoint-400", "400", "4.00", "0.700"],
    ]
    assert lines[0][4:7] == ["3.0 KiB", "f16", "1.5 k"]
    assert "* the best eval_loss (lower is better)" in said
    assert "eval_loss over the steps of sft\n" in said
    assert "1.40 at 100  █▃▁▁  0.700 at 400   best 0.660 at 300\n" in said
    assert "other metrics (--metric): eval_accuracy\n" in said
    assert "Compare the best and the last; the first is the baseline:\n" in said
    assert proposed(said) == [
        ("checkpoint-300", str(run / "checkpoint-300")),
        ("checkpoint-400", str(run / "checkpoint-400")),
    ]


def test_another_metric(checkpoints, run):
    said = checkpoints(run, "--metric", "eval_accuracy")
    assert [line[3] for line in rows(said)] == ["eval_accuracy", "0.550", "0.670 *", "0.650"]
    assert "higher is better" in said


def test_the_best_may_be_turned_round(checkpoints, run):
    said = checkpoints(run, "--better", "higher")
    assert [line[3] for line in rows(said)[1:]] == ["0.900 *", "0.660", "0.700"]
    assert "best 1.40 at 100, which is not here any more" in said


def test_where_the_last_is_the_best_the_last_two_are_proposed(checkpoints, run):
    said = checkpoints(run, "--metric", "learning_rate")
    assert "Compare the best and the last" in said  # of equal ones the first is the best
    (run / "checkpoint-400/model.safetensors").unlink()
    said = checkpoints(run)
    assert "Compare the last two" in said
    assert [name for name, _ in proposed(said)] == ["checkpoint-200", "checkpoint-300"]


def test_the_proposed_command_survives_a_shell(checkpoints, tmp_path):
    for name in ("it's $HOME", "b"):
        model(tmp_path / "a b" / name)
    said = checkpoints(tmp_path)
    assert [source for _, source in proposed(said)] == [
        str(tmp_path / "a b" / name) for name in ("b", "it's $HOME")
    ]


def test_broken_ones_are_listed_with_their_reason(checkpoints, run):
    (run / "checkpoint-300/config.json").unlink()
    (run / "checkpoint-500").mkdir()
    said = checkpoints(run)
    assert "2 cannot be used:\n" in said
    assert "  checkpoint-300: it has no config.json\n" in said
    assert "  checkpoint-500: no weights (*.safetensors); was the saving interrupted?" in said
    assert len(rows(said)) == 3


def test_only_one_or_only_broken_ones(checkpoints, tmp_path):
    model(tmp_path / "a")
    assert "Two checkpoints make a comparison" in checkpoints(tmp_path)
    (tmp_path / "a/config.json").unlink()
    assert "1 cannot be used" in checkpoints(tmp_path)


def test_a_delta_is_shown_with_its_base_and_not_proposed(checkpoints, run):
    best = {"base": "org/b", "step": "999", "metrics": '{"eval_loss": 0.1}'}
    safetensors.save_file({"w": np.ones(3)}, run / "z.safetensors", metadata=best)
    said = checkpoints(run)
    assert rows(said)[0][1] == "kind"
    last = rows(said)[-1]
    assert last[:4] == ["z", "delta", "999", "0.100 *"]
    assert last[5:8] == ["f64", "3", "org/b"]
    assert {name for name, _ in proposed(said)} == {"checkpoint-300", "checkpoint-400"}


@pytest.mark.parametrize("kind", ["delta", "adapter"])
@pytest.mark.parametrize("base", ["ba+se %20&b", "/elsewhere"])
def test_a_delta_alone_is_compared_with_its_base(checkpoints, tmp_path, kind, base):
    """The line can be copied: what it names is found, the base too."""
    place = tmp_path / "runs"
    whole = model(place / base if base[0] != "/" else tmp_path / base[1:])
    said_base = base if base[0] != "/" else str(whole)
    if kind == "delta":
        metadata = {"base": said_base}
        path = place_of(place / "z.safetensors")
        safetensors.save_file({"w": np.ones(1500, np.float16)}, path, metadata)
    else:
        lora = {f"base_model.model.w.lora_{part}.weight": np.ones((1, 1)) for part in "AB"}
        safetensors.save_file(lora, place_of(place / "z/adapter_model.safetensors"))
        config = {"peft_type": "LORA", "r": 1, "base_model_name_or_path": str(whole)}
        write(place / "z/adapter_config.json", config)
        (whole / "model.safetensors").unlink()
        safetensors.save_file({"w.weight": np.ones((1, 1))}, whole / "model.safetensors")
    said = checkpoints(place)
    assert "Compare z with its base, which is the baseline:" in said
    specs = [parse_checkpoint(word) for word in shlex.split(said.splitlines()[-1])[3::2]]
    assert [spec.name for spec in specs] == ["base", "z"]
    assert Path(specs[1].base or "").samefile(whole)
    found = [inspect_checkpoint(spec) for spec in specs]
    assert found[0].path.samefile(whole)
    assert found[1].path.samefile(whole)
    assert found[1].patch is not None


def test_a_base_that_nobody_names_is_not_proposed(checkpoints, tmp_path):
    safetensors.save_file({"w": np.ones(3)}, tmp_path / "z.safetensors")
    assert "Two checkpoints make a comparison" in checkpoints(tmp_path)


def place_of(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_only_the_path_of_the_best(checkpoints, run):
    assert checkpoints(run, "--best") == f"{run / 'checkpoint-300'}\n"
    told = json.loads(checkpoints(run, "--best", "--json", "--metric", "eval_accuracy"))
    assert told["name"] == "checkpoint-300"


def test_everything_as_json(checkpoints, run):
    path = run / "checkpoint-400/trainer_state.json"
    state = json.loads(path.read_text())
    state["log_history"].append({"eval_bleu": float("nan"), "step": 400})
    write(path, state)
    told = json.loads(checkpoints(run, "--json"), parse_constant=pytest.fail)
    assert (told["metric"], told["better"], told["best"]) == (
        "eval_loss",
        "lower",
        "checkpoint-300",
    )
    assert [one["step"] for one in told["checkpoints"]] == [200, 300, 400]
    assert told["checkpoints"][-1]["metrics"]["eval_bleu"] is None
    assert told["command"].startswith("pytest suites --checkpoint checkpoint-300=")


def test_no_such_folder(refused, tmp_path):
    assert "no such folder" in refused(tmp_path / "gone")


def test_nothing_found_says_what_was_looked_for(refused, tmp_path):
    said = refused(tmp_path)
    assert "no checkpoint in" in said
    assert "folders with config.json and *.safetensors" in said


def test_an_unknown_metric_names_the_known_ones(refused, run, tmp_path):
    said = refused(run, "--metric", "eval_los")
    assert "no checkpoint here has the metric 'eval_los'" in said
    assert "known are: eval_accuracy, eval_loss, eval_runtime, learning_rate" in said
    model(tmp_path / "b/a")
    assert "none of them has any metric" in refused(tmp_path / "b", "--metric", "x")
    assert "which is the best?" in refused(tmp_path / "b", "--best")


def test_the_help_teaches(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["checkpoints", "--help"])
    said = capsys.readouterr().out
    assert "examples:" in said
    assert "what is found:" in said
    assert all(option in said for option in ("--metric", "--best", "--json", "--sort", "--better"))


def test_the_demo_in_a_process_of_its_own_without_torch():
    script = (
        "import sys; from pytest_vlm.__main__ import main\n"
        "main(['checkpoints', 'app/digits', '--metric', 'read'])\n"
        "assert not {'torch', 'transformers', 'pytest'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.endswith(
        "--checkpoint weak=app/digits/checkpoints/weak "
        "--checkpoint strong=app/digits/checkpoints/strong\n"
    )
