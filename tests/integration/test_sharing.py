"""Checkpoints of one base, loaded side by side: shared where equal, each with its own answers."""

from __future__ import annotations

import gc
import json
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_llava import save_tiny_llava

from pytest_vlm.checkpoint.catalog import CheckpointCatalog
from pytest_vlm.checkpoint.folder import CheckpointFolder
from pytest_vlm.checkpoint.patches.patch import Patch
from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint
from pytest_vlm.data import open_dataset
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.engine.residents import LocalLoader
from pytest_vlm.engine.sharing.weights import weight_places
from pytest_vlm.errors import CheckpointError, VlmError
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.protocols import ResidentEngine
from pytest_vlm.settings import GenerationSettings

DIGITS = Path(__file__).parents[2] / "app/digits"
STRONG = DIGITS / "checkpoints/strong"
WEIGHTS = "model.safetensors"
PROJECTOR = "multi_modal_projector.linear_1.weight"  # transformers renames it on loading
EMBEDDING = "model.language_model.embed_tokens.weight"  # tied to the head


# Of peft's and transformers' own, when this module trains adapters.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


@pytest.fixture(scope="module")
def llava(tmp_path_factory) -> Path:
    return save_tiny_llava(tmp_path_factory.mktemp("llava") / "base")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return list(open_dataset(DIGITS / "heldout/samples.jsonl")[:4])


def delta_of(base: Path, *names: str) -> dict[str, torch.Tensor]:
    weights = load_file(base / WEIGHTS)
    return {name: 1.5 * weights[name] + 0.1 for name in names}


def merged(base: Path, delta: dict[str, torch.Tensor], folder: Path) -> Path:
    """A whole checkpoint, as if the delta's training had saved one."""
    shutil.copytree(base, folder)
    save_file({**load_file(base / WEIGHTS), **delta}, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def save_adapter(base: Path, folder: Path, std: float = 0.5, **options: object) -> torch.nn.Module:
    """Write a LoRA adapter with random weights; gives peft's own model with it."""
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(1)
    config = peft.LoraConfig(**{"r": 4, "target_modules": ["q_proj", "v_proj"], **options})
    model = AutoModelForImageTextToText.from_pretrained(base)
    adapted = peft.get_peft_model(model, config)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=std)
    adapted.save_pretrained(folder)
    return adapted.eval()


@pytest.fixture
def load() -> Iterator[Callable[[str], LocalEngine]]:
    """Loads as a run does; what was loaded is closed at the end."""
    loader = LocalLoader(CheckpointCatalog(in_folders=True).folder)
    engines: list[LocalEngine] = []

    def load(argument: str) -> LocalEngine:
        engines.append(loader(parse_checkpoint(argument)))
        return engines[-1]

    yield load
    for engine in engines:
        if hasattr(engine, "_model"):
            engine.close()


def patched(base: Path, path: Path) -> LocalLoader:
    """A loader that is told of a patch which nobody looked at before."""

    def find(spec: CheckpointSpec) -> CheckpointFolder:
        folder = CheckpointCatalog(in_folders=True).folder(parse_checkpoint(f"base={base}"))
        kind = "adapter" if path.is_dir() else "delta"
        return CheckpointFolder(**{**vars(folder), "patch": Patch(kind=kind, path=path)})

    return LocalLoader(find)


@torch.inference_mode()
def logits(engine: LocalEngine) -> torch.Tensor:
    """Of a prompt with a picture, the same for all of one architecture."""
    torch.manual_seed(0)
    if engine._model.config.model_type == "llava":
        tokens = torch.tensor([[2, *[4] * 16, 9, 10, 12]])
        inputs = {"input_ids": tokens, "pixel_values": torch.randn(1, 3, 32, 32)}
    else:
        grid = torch.tensor([[1, 8, 8]])
        tokens = torch.tensor([[4, *[6] * 16, 5, 20, 21]])
        inputs = {"input_ids": tokens, "pixel_values": torch.randn(64, 384)}
        inputs |= {"image_grid_thw": grid, "mm_token_type_ids": (tokens == 6).long()}
    device = {name: value.to(engine.device) for name, value in inputs.items()}
    return engine._model(**device).logits.cpu()


def bits(engine: LocalEngine) -> dict[str, bytes]:
    weights = {place.name: place.tensor for place in weight_places(engine._model)}
    flat = {name: tensor.detach().cpu().reshape(-1) for name, tensor in weights.items()}
    return {name: tensor.view(torch.uint8).numpy().tobytes() for name, tensor in flat.items()}


def own(engine: LocalEngine, *others: LocalEngine) -> int:
    """Bytes of weights that it has and the others have not."""
    mine = dict(engine.storages())
    for other in others:
        mine = {place: size for place, size in mine.items() if place not in other.storages()}
    scratch = [b for b in engine._model.buffers() if b.untyped_storage().nbytes()]
    places = {place.tensor.data_ptr() for place in weight_places(engine._model)}
    unsaved = {b.data_ptr(): b.untyped_storage().nbytes() for b in scratch}
    return sum(mine.values()) - sum(
        size for address, size in unsaved.items() if address not in places
    )


def size(tensors: dict[str, torch.Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors.values())


def test_an_engine_of_this_process_is_a_resident_one(load, llava):
    assert isinstance(load(f"A={llava}"), ResidentEngine)


def test_two_checkpoints_share_what_is_equal_and_answer_as_if_alone(load, llava, tmp_path):
    delta = delta_of(llava, PROJECTOR)
    other = merged(llava, delta, tmp_path / "full")
    a, b = load(f"A={llava}"), load(f"B={other}")
    assert own(b, a) == size(delta)
    assert torch.equal(logits(a), logits(LocalEngine(parse_checkpoint("A=x"), llava)))
    assert torch.equal(logits(b), logits(LocalEngine(parse_checkpoint("B=x"), other)))
    assert not torch.equal(logits(a), logits(b))


def test_another_dtype_is_not_shared_and_does_not_convert_the_first(load, llava):
    a = load(f"A={llava}")
    before = bits(a)
    b = load(f"B={llava}?dtype=bfloat16")
    assert b._model.dtype is torch.bfloat16
    assert a.storages().keys().isdisjoint(b.storages())
    assert bits(a) == before


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_delta_is_the_merged_checkpoint_and_leaves_its_base_as_it_was(
    load, llava, tmp_path, suffix
):
    delta = delta_of(llava, PROJECTOR)
    path = tmp_path / f"delta{suffix}"
    save_file(delta, path) if suffix == ".safetensors" else torch.save(delta, path)
    a = load(f"A={llava}")
    before, answer = bits(a), logits(a)
    b = load(f"B={path}?base={llava}")
    assert own(b, a) == size(delta)
    full = LocalEngine(parse_checkpoint("F=x"), merged(llava, delta, tmp_path / "full"))
    assert torch.equal(logits(b), logits(full))
    assert bits(b) == bits(full)
    b.close()
    assert bits(a) == before
    assert torch.equal(logits(a), answer)
    assert a.written() == ()


def test_a_delta_whose_base_nobody_holds_keeps_what_it_needs_of_it(load, llava, tmp_path):
    delta = delta_of(llava, PROJECTOR)
    save_file(delta, tmp_path / "delta.safetensors")
    b = load(f"B={tmp_path / 'delta.safetensors'}?base={llava}")
    whole = load(f"F={merged(llava, delta, tmp_path / 'full')}")
    assert own(b) == own(whole)
    assert own(b, whole) == own(whole, b) == 0


def test_tied_weights_change_at_both_ends(load, tmp_path):
    delta = delta_of(STRONG, EMBEDDING)
    save_file(delta, tmp_path / "delta.safetensors")
    a = load(f"A={STRONG}")
    b = load(f"B={tmp_path / 'delta.safetensors'}?base={STRONG}")
    full = LocalEngine(parse_checkpoint("F=x"), merged(STRONG, delta, tmp_path / "full"))
    assert torch.equal(logits(b), logits(full))
    assert not torch.equal(logits(a), logits(b))
    assert own(b, a) == size(delta)
    assert b._generation_config(GenerationSettings()) == full._generation_config(
        GenerationSettings()
    )


def test_a_delta_over_a_converted_base_is_converted_as_the_whole_would_be(load, llava, tmp_path):
    delta = delta_of(llava, PROJECTOR)
    save_file(delta, tmp_path / "delta.safetensors")
    b = load(f"B={tmp_path / 'delta.safetensors'}?base={llava}&dtype=bfloat16")
    spec = parse_checkpoint("F=x?dtype=bfloat16")
    assert bits(b) == bits(LocalEngine(spec, merged(llava, delta, tmp_path / "full")))


def test_a_base_that_was_written_into_is_not_taken(load, llava, tmp_path):
    delta = delta_of(llava, PROJECTOR)
    save_file(delta, tmp_path / "delta.safetensors")
    a = load(f"A={llava}")
    a._model.lm_head.weight.data.zero_()
    b = load(f"B={tmp_path / 'delta.safetensors'}?base={llava}")
    assert a.written() == ("lm_head.weight",)
    assert b.written() == ()
    full = LocalEngine(parse_checkpoint("F=x"), merged(llava, delta, tmp_path / "full"))
    assert torch.equal(logits(b), logits(full))


def test_a_base_that_was_overwritten_on_the_disk_is_loaded_anew(llava, tmp_path):
    base = Path(shutil.copytree(llava, tmp_path / "base"))
    delta = delta_of(base, PROJECTOR)
    save_file(delta, tmp_path / "delta.safetensors")
    loader = patched(base, tmp_path / "delta.safetensors")
    first = loader(parse_checkpoint("B=x"))
    later = {**load_file(base / WEIGHTS), **delta_of(base, "language_model.lm_head.weight")}
    save_file(later, base / WEIGHTS, metadata={"format": "pt"})
    second = loader(parse_checkpoint("B=x"))
    assert own(second, first) == size(delta_of(base, "language_model.lm_head.weight"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {f"other.{name}": value for name, value in d.items()}, "not in the base"),
        (lambda d: {name: value.half() for name, value in d.items()}, "dtype or shape"),
        (lambda d: {name: value[:-1].clone() for name, value in d.items()}, "dtype or shape"),
        (lambda d: dict.fromkeys(d, torch.full((32, 32), torch.nan)), "not finite"),
    ],
    ids=["name", "dtype", "shape", "not finite"],
)
def test_a_delta_that_does_not_fit_is_refused_whoever_let_it_pass(llava, tmp_path, change, message):
    path = tmp_path / "delta.safetensors"
    save_file(change(delta_of(llava, PROJECTOR)), path)
    with pytest.raises(CheckpointError, match=message):
        patched(llava, path)(parse_checkpoint("B=x"))


class Planted:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("planted"),))


def test_a_pickle_that_would_run_something_is_refused(llava, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({PROJECTOR: Planted()}, tmp_path / "delta.pt")
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        patched(llava, tmp_path / "delta.pt")(parse_checkpoint("B=x"))
    assert not (tmp_path / "planted").exists()


def test_an_adapter_answers_as_peft_itself_and_leaves_its_base_as_it_was(load, llava, tmp_path):
    reference = save_adapter(llava, tmp_path / "adapter")
    a = load(f"A={llava}")
    before, answer = bits(a), logits(a)
    b = load(f"B={tmp_path / 'adapter'}?base={llava}")
    assert not b._model.training
    assert not any(parameter.requires_grad for parameter in b._model.parameters())
    twin, b._model = b._model, reference
    expected = logits(b)
    b._model = twin
    assert torch.equal(logits(b), expected)
    assert not torch.equal(expected, answer)
    assert own(b, a) == size(load_file(tmp_path / "adapter/adapter_model.safetensors"))
    b.close()
    assert bits(a) == before
    assert torch.equal(logits(a), answer)


def test_an_adapter_answers_and_gives_maps(load, samples, tmp_path):
    save_adapter(STRONG, tmp_path / "adapter", std=10.0)  # so that even the answers are others
    a, b = load(f"A={STRONG}"), load(f"B={tmp_path / 'adapter'}?base={STRONG}")
    settings = GenerationSettings(max_new_tokens=8)
    (answers,) = b.predict([samples], settings)
    assert [one.answer for one in answers] != [
        one.answer for one in next(iter(a.predict([samples], settings)))
    ]
    assert b.no_relevance == ""
    ours, theirs = (engine.relevance(samples, answers, settings) for engine in (a, b))
    assert [one.shape for one in theirs] == [one.shape for one in ours]
    assert any((one.values != other.values).any() for one, other in zip(ours, theirs, strict=True))


def test_modules_that_an_adapter_saves_as_a_whole_are_put_in(load, tmp_path):
    reference = save_adapter(STRONG, tmp_path / "adapter", modules_to_save=["merger"])
    weights = load_file(tmp_path / "adapter/adapter_model.safetensors")
    assert any("merger" in name for name in weights)
    b = load(f"B={tmp_path / 'adapter'}?base={STRONG}")
    twin, b._model = b._model, reference
    expected = logits(b)
    b._model = twin
    assert torch.equal(logits(b), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop(next(iter(w))), "not both|lacks|random"),
        (
            lambda w: w.update({"base_model.model.strange.lora_A.weight": torch.ones(4, 4)}),
            "not both|target_modules|fit nothing",
        ),
    ],
    ids=["missing", "unexpected"],
)
def test_an_adapter_that_is_not_whole_is_refused(llava, tmp_path, change, message):
    save_adapter(llava, tmp_path / "adapter")
    file = tmp_path / "adapter/adapter_model.safetensors"
    weights = load_file(file)
    change(weights)
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=message):
        patched(llava, tmp_path / "adapter")(parse_checkpoint("B=x"))


def test_a_whole_layer_that_an_adapter_lacks_is_random_and_refused(llava, tmp_path):
    save_adapter(llava, tmp_path / "adapter")
    file = tmp_path / "adapter/adapter_model.safetensors"
    kept = {name: value for name, value in load_file(file).items() if "layers.0.self" not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"lacks \d+ tensors.*random"):
        patched(llava, tmp_path / "adapter")(parse_checkpoint("B=x"))


def test_an_adapter_that_would_import_a_module_is_refused(llava, tmp_path, monkeypatch):
    save_adapter(llava, tmp_path / "adapter")
    (tmp_path / "planted.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "adapter/adapter_config.json"
    config = json.loads(file.read_text()) | {
        "megatron_config": {"a": 1},
        "megatron_core": "planted",
    }
    file.write_text(json.dumps(config))
    with pytest.raises(VlmError, match="megatron_config"):
        patched(llava, tmp_path / "adapter")(parse_checkpoint("B=x"))


@pytest.mark.parametrize("kind", ["folder", "delta", "adapter"])
def test_a_closed_engine_is_gone_at_once(load, llava, tmp_path, kind):
    a = load(f"A={llava}")
    if kind == "folder":
        argument = f"B={merged(llava, delta_of(llava, PROJECTOR), tmp_path / 'full')}"
    elif kind == "delta":
        save_file(delta_of(llava, PROJECTOR), tmp_path / "delta.safetensors")
        argument = f"B={tmp_path / 'delta.safetensors'}?base={llava}"
    else:
        save_adapter(llava, tmp_path / "adapter")
        argument = f"B={tmp_path / 'adapter'}?base={llava}"
    b = load(argument)
    mine = set(b.storages()) - set(a.storages())
    model = weakref.ref(b._model)
    pieces = [
        weakref.ref(parameter.untyped_storage())
        for parameter in b._model.parameters()
        if ("cpu", parameter.untyped_storage().data_ptr()) in mine
    ]
    assert pieces
    gc.collect()
    gc.disable()
    try:
        b.close()
        assert model() is None
        assert [piece() for piece in pieces] == [None] * len(pieces)
    finally:
        gc.enable()


def test_written_weights_are_named(load, llava):
    a, b = load(f"A={llava}"), load(f"B={llava}")
    a._model.lm_head.weight.data.mul_(1.01)
    assert a.written() == b.written() == ("lm_head.weight",)


gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.gpu
@gpu
def test_what_is_shared_stays_shared_on_the_gpu(load, llava, tmp_path):
    delta = delta_of(llava, PROJECTOR)
    save_file(delta, tmp_path / "delta.safetensors")
    other = merged(llava, delta, tmp_path / "full")
    a, b = load(f"A={llava}?device=cuda"), load(f"B={other}?device=cuda")
    c = load(f"C={tmp_path / 'delta.safetensors'}?base={llava}&device=cuda")
    assert own(b, a) == own(c, a) == size(delta)
    assert own(c, a, b) == 0
    assert torch.equal(logits(b), logits(c))
    before = logits(b)
    for device in ("cpu", "cuda"):
        for engine in (a, b, c):
            engine.move(device)
        assert own(b, a) == own(c, a) == size(delta)
    assert torch.equal(logits(b), before)
    assert a.written() == b.written() == c.written() == ()


@pytest.mark.gpu
@gpu
def test_what_leaves_the_gpu_is_free_there_at_once(load, llava):
    a, b = load(f"A={llava}?device=cuda"), load(f"B={llava}?device=cuda")
    full = torch.cuda.memory_allocated()
    a.close()
    assert torch.cuda.memory_allocated() > full - full // 2  # b has it still
    b.move("cpu")
    assert torch.cuda.memory_allocated() < full // 10
    assert torch.cuda.memory_reserved() < 2 * 2**20 + full // 10
