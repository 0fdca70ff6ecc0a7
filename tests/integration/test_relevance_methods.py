"""The methods of making maps, held against eager attention and autograd, family by family."""

from __future__ import annotations

import io
import json
import re
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from tiny_families import FAMILIES, IMAGE, PAD, idefics3, llava_with_class_token
from tiny_llava import TEMPLATE, save_tiny_llava
from tiny_tiled import mllama

from pytest_vlm.checkpoint.spec import parse_checkpoint
from pytest_vlm.data.opening import open_dataset
from pytest_vlm.engine.generation.decoding import decode_ahead
from pytest_vlm.engine.local import LocalEngine
from pytest_vlm.engine.relevance import weights
from pytest_vlm.engine.relevance.attention import attention, rollout
from pytest_vlm.engine.relevance.capture import decoder_attention, watch_attention
from pytest_vlm.engine.relevance.explaining import put_together
from pytest_vlm.engine.relevance.grad_attention import grad_attention
from pytest_vlm.engine.relevance.likelihood import log_likelihood
from pytest_vlm.engine.relevance.methods import METHODS
from pytest_vlm.engine.relevance.own import own
from pytest_vlm.engine.relevance.pixels import occlusion, pixel_gradient
from pytest_vlm.engine.relevance.reading import Answer, put_behind
from pytest_vlm.errors import RelevanceUnavailable, SettingsError
from pytest_vlm.evaluation.explanation import MapRequest
from pytest_vlm.evaluation.predictions import Completion, Prediction
from pytest_vlm.evaluation.samples import Sample
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, RelevanceSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"
PAGE = Path(__file__).parents[2] / "docs/relevance.md"
STRONG = DIGITS / "checkpoints/strong"
ANSWERS = (
    Answer(tokens=[20, 21, 22, 23], explained=[1, 2]),
    Answer(tokens=[24, 25], explained=[0]),
)
ONES = [name for name in METHODS if name != "own"]


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.__name__)
def family(request):
    torch.manual_seed(0)
    model, inputs = request.param()
    model.eval()
    model_type = str(model.config.model_type)
    reading = put_behind(inputs, ANSWERS, image_token=IMAGE, pad=PAD, model_type=model_type)
    return model, reading


@pytest.fixture(scope="module")
def strong():
    return LocalEngine(parse_checkpoint(f"strong={STRONG}"), STRONG)


@pytest.fixture(scope="module")
def asked(strong):
    samples = [s for s in open_dataset(DIGITS / "heldout/samples.jsonl") if "where" in s.tags][:96]
    settings = GenerationSettings()
    return samples, next(strong.predict([samples], settings)), settings


def png(width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def eager(model, reading):
    """All layers' weights, (layers, batch, heads, length, length), as part of autograd's graph."""
    kernel = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        output = model(**reading.inputs, output_attentions=True, use_cache=False)
    finally:
        model.set_attn_implementation(kernel)
    return output.attentions, output.logits.float().log_softmax(-1)


def at_rows(matrices, reading):
    """(batch, length): the explained rows' mean."""
    return torch.stack(
        [
            (matrix[rows] * share[:, None]).sum(0)
            for matrix, rows, share in zip(matrices, reading.rows, reading.weights, strict=True)
        ]
    )


def assert_equal(found, expected, reading, within=1e-5):
    scale = expected[reading.visual].abs().max()
    difference = (found.values - expected)[reading.visual].abs().max()
    assert scale > 0
    assert difference <= within * max(1, scale)


def test_the_rows_are_those_that_predict_the_explained_tokens(family):
    _, reading = family
    ids = reading.inputs["input_ids"]
    assert reading.targets[0].tolist() == [21, 22]
    assert ids[0][reading.rows[0]].tolist() == [20, 21]
    assert ids[1][reading.rows[1][0]] == 17
    assert reading.weights.tolist() == [[0.5, 0.5], [1, 0]]
    assert ids[reading.explained].tolist() == [21, 22, 24]


def test_attention_is_eager_attentions(family):
    model, reading = family
    with torch.no_grad():
        layers, _ = eager(model, reading)
    expected = at_rows(torch.stack(layers[-2:]).mean((0, 2)), reading)
    found = attention(model, reading)
    assert found.layers == (1, 2)
    assert (found.values - expected).abs().max() < 1e-5


def test_a_piece_at_a_time_is_the_same_attention(family, monkeypatch):
    model, reading = family
    whole = [method(model, reading).values for method in (attention, rollout, grad_attention)]
    monkeypatch.setattr(weights, "AT_ONCE", 1)
    pieces = [method(model, reading).values for method in (attention, rollout, grad_attention)]
    for expected, found in zip(whole, pieces, strict=True):
        assert torch.allclose(expected, found, atol=1e-6, rtol=1e-5)


def test_rollout_is_the_product_of_all_layers(family):
    model, reading = family
    with torch.no_grad():
        layers, _ = eager(model, reading)
    flow = torch.eye(reading.visual.shape[1])
    for layer in layers:
        flow = (layer.mean(1) + torch.eye(len(flow[0]))) / 2 @ flow
    found = rollout(model, reading)
    assert found.layers == (0, 1, 2)
    assert_equal(found, at_rows(flow, reading), reading)


def test_grad_attention_is_autograds(family):
    model, reading = family
    layers, spoken = eager(model, reading)
    here = torch.arange(2)[:, None]
    likely = (spoken[here, reading.rows, reading.targets] * reading.weights).sum()
    gradients = torch.autograd.grad(likely, layers[-2:])
    products = [(a * g).clamp(min=0) for a, g in zip(layers[-2:], gradients, strict=True)]
    expected = at_rows(torch.stack(products).mean((0, 2)), reading).detach()
    assert_equal(grad_attention(model, reading), expected, reading)


def squares(model, pixels, per_picture):
    """(picture, y, x, height) of each token's square, by hand."""
    side = {16: 4, 4: 2}[per_picture]
    edge = pixels.shape[-1] // side
    return [(y * edge, x * edge, edge) for y in range(side) for x in range(side)]


def pictures_of(reading):
    """What is shown, one picture or tile after the other, and how many tokens each has."""
    pixels = reading.inputs["pixel_values"]
    if pixels.dim() == 5:
        pixels = torch.stack([*pixels[0], pixels[1, 0]])  # the others are black
    return pixels, int(reading.visual.sum()) // len(pixels)


def test_pixel_gradient_is_autograds(family):
    model, reading = family
    pixels = reading.inputs["pixel_values"].clone().requires_grad_()
    likely = log_likelihood(model, reading, pixel_values=pixels)
    (gradient,) = torch.autograd.grad(likely.sum(), pixels)
    if gradient.dim() == 5:
        gradient = torch.stack([*gradient[0], gradient[1, 0]])
    _, each = pictures_of(reading)
    leading = each == 17
    expected = [
        value
        for picture in gradient.abs()
        for value in [0.0] * leading
        + [
            float(picture[:, y : y + edge, x : x + edge].sum())
            for y, x, edge in squares(model, picture, each - leading)
        ]
    ]
    found = pixel_gradient(model, reading).values[reading.visual]
    assert found.max() > 1e-3
    assert found.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert not found.requires_grad


def test_occlusion_is_the_likelihood_that_is_lost(family):
    model, reading = family
    pixels, each = pictures_of(reading)
    found = occlusion(model, reading).values
    leading = each == 17
    whole = log_likelihood(model, reading).detach()
    places = squares(model, pixels, each - leading)
    counts = [len(places) * n for n in ((1, 1) if len(pixels) == 2 else (3, 1))]
    edges = [pixels[: counts[0] // len(places)], pixels[counts[0] // len(places) :]]
    for sample, token in ((0, 1), (0, counts[0] - 1), (1, 2)):
        own_pictures = edges[sample].clone()
        cells = [
            own_pictures[p][:, y : y + e, x : x + e]
            for p in range(len(own_pictures))
            for y, x, e in places
        ]
        cells[token].copy_(torch.stack(cells).mean(0))
        changed = reading.inputs["pixel_values"].clone()
        if changed.dim() == 5:
            changed[sample, : len(own_pictures)] = own_pictures
        else:
            first = 0 if sample == 0 else len(edges[0])
            changed[first : first + len(own_pictures)] = own_pictures
        without = log_likelihood(model, reading, pixel_values=changed).detach()
        expected = max(0.0, float((whole - without)[sample]))
        values = found[sample][reading.visual[sample]][leading:]
        assert float(values[token]) == pytest.approx(expected, rel=1e-3, abs=2e-5)
    assert found.max() > 1e-3


def test_gradients_leave_the_weights_as_they_were(family):
    model, reading = family
    before = {
        name: (weight.clone(), weight.requires_grad) for name, weight in model.named_parameters()
    }
    kernel = model.config.get_text_config(decoder=True)._attn_implementation
    for method in (grad_attention, pixel_gradient):
        method(model, reading)
    assert torch.is_grad_enabled()
    assert model.config.get_text_config(decoder=True)._attn_implementation == kernel
    for name, weight in model.named_parameters():
        value, trained = before[name]
        assert (torch.equal(weight, value), weight.requires_grad) == (True, trained)
        assert weight.grad is None


def test_a_method_that_fails_restores_the_model(family, monkeypatch):
    model, reading = family

    def fails(*given, **options):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(type(model), "forward", fails)
    for method in (grad_attention, pixel_gradient, attention):
        with pytest.raises(RuntimeError):
            method(model, reading)
    assert all(weight.requires_grad for weight in model.parameters())
    text = model.config.get_text_config(decoder=True)
    assert not text._attn_implementation.startswith("pytest_vlm")


def test_nothing_of_a_pass_is_kept(family):
    model, reading = family
    layers, seen = decoder_attention(model), []

    def watcher(attended, value, output):
        seen.append(weakref.ref(attended.query))

    with watch_attention(model, layers, watcher):
        model(**reading.inputs)
    held = weakref.ref(watcher)
    del watcher
    assert held() is None
    assert [query() for query in seen] == [None] * len(layers)


def test_two_threads_watch_a_model_each(family):
    model, reading = family
    other = deepcopy(model)
    expected = attention(model, reading).values
    layers, seen = decoder_attention(model), []
    with watch_attention(model, layers, lambda *attended: seen.append(attended)):
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(attention, other, reading).result()
        model(**reading.inputs)
    assert torch.equal(found.values, expected)
    assert len(seen) == len(layers)


def test_a_token_without_pixels_has_no_pixel_relevance():
    torch.manual_seed(0)
    model, inputs = llava_with_class_token()
    reading = put_behind(inputs, ANSWERS, image_token=IMAGE, pad=PAD, model_type="llava")
    for method in (pixel_gradient, occlusion):
        assert method(model.eval(), reading).values[reading.visual][[0, 17]].tolist() == [0, 0]


def test_pixels_that_nobody_can_place_are_no_map():
    torch.manual_seed(0)
    model, inputs = idefics3()
    inputs["image_sizes"] = torch.tensor([[32, 32], [32, 32]])
    reading = put_behind(inputs, ANSWERS, image_token=IMAGE, pad=PAD, model_type="llava_next")
    with pytest.raises(RelevanceUnavailable, match="which pixels belong to which token"):
        occlusion(model, reading)


@pytest.mark.parametrize("tokens", [15, 18])
def test_tokens_that_form_no_square_have_no_pixels(tokens):
    model, inputs = idefics3()
    ids = inputs["input_ids"] = torch.tensor([[2, *[IMAGE] * tokens, 10]])
    inputs |= {"attention_mask": torch.ones_like(ids), "pixel_values": torch.randn(1, 3, 32, 32)}
    reading = put_behind(inputs, ANSWERS[:1], image_token=IMAGE, pad=PAD, model_type="idefics3")
    with pytest.raises(RelevanceUnavailable, match=f"{tokens} visual tokens of 1 pictures"):
        pixel_gradient(model, reading)


def hits(samples, maps):
    peaks = [
        (heatmap.peak(), sample.regions[0]) for sample, heatmap in zip(samples, maps, strict=True)
    ]
    return np.mean([peak is not None and peak.lies_in(region) for peak, region in peaks])


@pytest.mark.parametrize("method", ONES)
def test_every_method_finds_the_digit(strong, asked, method):
    samples, predictions, settings = asked
    maps = strong.relevance(samples, predictions, settings, MapRequest(method=method))
    assert hits(samples, maps) >= 0.95
    assert {heatmap.method for heatmap in maps} == {method}
    reads = {"attention": (0, 1), "rollout": (0, 1), "grad_attention": (0, 1)}
    assert {heatmap.layers for heatmap in maps} == {reads.get(method, ())}
    spans = [(0, len(answer.answer)) for answer in predictions]
    assert [heatmap.span for heatmap in maps] == spans


@pytest.mark.parametrize("method", ONES)
def test_company_and_padding_leave_a_map_alone(strong, asked, method):
    samples, predictions, settings = asked
    together = strong.relevance(samples[:6], predictions[:6], settings, MapRequest(method=method))
    for sample, answer, expected in zip(samples[:3], predictions, together, strict=False):
        (alone,) = strong.relevance([sample], [answer], settings, MapRequest(method=method))
        assert alone.values == pytest.approx(expected.values, rel=1e-3, abs=1e-5)


def test_an_unknown_method_names_the_known(strong, asked):
    samples, predictions, settings = asked
    with pytest.raises(SettingsError, match=r"no method 'lime'.* attention, rollout, grad_"):
        strong.relevance(samples, predictions, settings, MapRequest(method="lime"))


def test_a_misspelt_method_skips_nothing(tmp_path):
    settings = Settings(
        checkpoints=(f"A={STRONG}",),
        samples=DIGITS / "heldout/samples.jsonl",
        relevance=RelevanceSettings(method="atention"),
    )
    refused = pytest.raises(SettingsError, match="no method 'atention'")
    with Session(settings, folder=tmp_path) as session, refused:
        session.lacks("relevance")


def test_a_checkpoint_without_its_own_relevance_says_so(strong, asked):
    samples, predictions, settings = asked
    with pytest.raises(
        RelevanceUnavailable, match=r"strong gives.*Qwen3VLFor.*brings no relevance"
    ):
        strong.relevance(samples, predictions, settings, MapRequest(method="own"))


def told(sample, text):
    completion = Completion.parse(text, finish_reason="stop", tokens=1)
    return Prediction(sample_id=sample.id, completions=(completion,))


def test_the_span_chooses_the_tokens(strong, asked):
    samples, _, settings = asked
    sample = samples[0]
    text = "7 3 9 1"
    maps = {
        span: strong.relevance([sample], [told(sample, text)], settings, MapRequest(spans=(span,)))[
            0
        ].values
        for span in ((0, 1), (2, 3), (0, 3), (0, 7))
    }
    assert maps[0, 3] == pytest.approx((maps[0, 1] + maps[2, 3]) / 2, abs=1e-6)
    assert not np.allclose(maps[0, 1], maps[2, 3], atol=1e-3)
    (whole,) = strong.relevance([sample], [told(sample, text)], settings)
    assert (whole.span, whole.values.tolist()) == ((0, 7), maps[0, 7].tolist())


def test_an_answer_is_explained_behind_its_reasoning(strong, asked):
    samples, _, settings = asked
    sample, text = samples[0], "<think>7 3</think>9"
    (whole,) = strong.relevance([sample], [told(sample, text)], settings)
    assert whole.span == (18, 19)
    (asked_for,) = strong.relevance(
        [sample], [told(sample, text)], settings, MapRequest(spans=((18, 19),))
    )
    assert whole.values.tolist() == asked_for.values.tolist()
    (other,) = strong.relevance([sample], [told(sample, "9")], settings)
    assert not np.allclose(whole.values, other.values, atol=1e-4)


def test_reasoning_that_the_prompt_opened_is_opened_once(tmp_path):
    folder = save_tiny_llava(tmp_path / "thinking", template=TEMPLATE + "<think>\n")
    engine = LocalEngine(parse_checkpoint(f"tiny={folder}"), folder)
    settings, tokenizer = GenerationSettings(), engine._prompting.tokenizer
    sample = Sample.ask(id="1", image=png(40, 40), query="what is this ?")
    batch = engine._encode(next(decode_ahead([[sample]], settings)), settings)
    raw = "<think>red</think>a cat"
    completions, span = [told(sample, raw).completions[0]], (raw.index("cat"), len(raw))
    reading = put_together(engine._model, batch, completions, [span], tokenizer)
    prompt = batch.inputs["input_ids"].shape[1]
    spoken = tokenizer("red</think>a cat", add_special_tokens=False)["input_ids"]
    assert reading.inputs["input_ids"][0, prompt:].tolist() == spoken
    assert reading.targets.tolist() == [spoken[-1:]]


def test_an_empty_answer_is_explained_by_its_end(strong, asked):
    samples, _, settings = asked
    for method in ONES:
        (heatmap,) = strong.relevance(
            samples[:1], [told(samples[0], "")], settings, MapRequest(method=method)
        )
        assert (heatmap.span, heatmap.values.size) == ((0, 0), 16)


def documented_example() -> str:
    """The model of docs/relevance.md."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    (example,) = [block for block in blocks if "def visual_relevance" in block]
    return example


def test_a_model_may_bring_its_own_relevance(tmp_path, asked):
    samples, predictions, settings = asked
    folder = Path(shutil.copytree(STRONG, tmp_path / "looking"))
    (folder / "looking.py").write_text(documented_example())
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForImageTextToText": "looking.Looking"}
    (folder / "config.json").write_text(json.dumps(config))
    spec = parse_checkpoint(f"looking={folder}?trust_remote_code=yes")
    engine = LocalEngine(spec, folder)
    assert engine.no_relevance == ""
    maps = engine.relevance(samples[:4], predictions[:4], settings, MapRequest(method="own"))
    for sample, heatmap in zip(samples, maps, strict=False):
        pixels = np.asarray(sample.frames[0].open(), dtype=float)
        cells = pixels.reshape(4, 16, 4, 16, 3).mean((1, 3, 4)).ravel()
        assert np.corrcoef(np.log(heatmap.values), cells)[0, 1] > 0.999
        assert (heatmap.method, heatmap.layers) == ("own", ())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (lambda visual: None, "returned NoneType in place of a tensor"),
        (lambda visual: torch.zeros(3), r"the shape \(3,\) in place of"),
        (lambda visual: -0.5 * visual.float(), "returned -0.5, and relevance is not negative"),
    ],
)
def test_own_relevance_that_cannot_be_one_is_none(family, monkeypatch, values, said):
    model, reading = family
    monkeypatch.setattr(
        type(model),
        "visual_relevance",
        lambda self, inputs, answer, visual: values(visual),
        raising=False,
    )
    with pytest.raises(RelevanceUnavailable, match=said):
        own(model, reading)


def test_a_kernel_whose_mask_cannot_be_read_says_so(tmp_path):
    folder = save_tiny_llava(tmp_path / "llava")
    engine = LocalEngine(parse_checkpoint(f"tiny={folder}"), folder)
    engine._model.config.text_config._attn_implementation = "flex_attention"
    sample = Sample.ask(id="1", image=png(40, 40), query="what is this ?")
    with (
        torch.compiler.set_stance("force_eager"),  # or it would take a compiler of C++
        pytest.raises(RelevanceUnavailable, match=r"flex_attention.*BlockMask.*attention=sdpa"),
    ):
        engine.relevance([sample], [told(sample, "a cat")], GenerationSettings())


def test_own_relevance_by_a_backward_pass_leaves_no_gradients(family, monkeypatch):
    model, reading = family

    def visual_relevance(self, inputs, answer, visual):
        with torch.enable_grad():
            self(**inputs).logits.square().mean().backward()
        assert any(weight.grad is not None for weight in self.parameters())
        return visual.float()

    monkeypatch.setattr(type(model), "visual_relevance", visual_relevance, raising=False)
    assert own(model, reading).values.sum() == reading.visual.sum()
    assert all(weight.grad is None for weight in model.parameters())


def test_gradients_after_generating_under_inference_mode(tmp_path):
    folder = save_tiny_llava(tmp_path / "llava")
    engine = LocalEngine(parse_checkpoint(f"tiny={folder}"), folder)
    sample = Sample.ask(id="1", image=png(40, 40), query="what is this ?")
    settings = GenerationSettings(max_new_tokens=3)
    answers = next(engine.predict([[sample]], settings))
    for method in ONES:
        (heatmap,) = engine.relevance([sample], answers, settings, MapRequest(method=method))
        assert heatmap.shape == (4, 4)
        assert heatmap.values.max() > 0


@pytest.mark.parametrize("method", ONES)
@pytest.mark.parametrize("kind", ["cross-attention", "learned queries"])
def test_models_whose_image_tokens_are_no_parts_of_a_picture_are_refused(tmp_path, kind, method):
    """Llama 3.2 Vision's two kinds of attention do not mix; 16 queries look like a 4x4 grid."""
    if kind == "cross-attention":
        folder = mllama().save(tmp_path)
    else:
        folder = save_tiny_llava(tmp_path)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "qformer_config": {}}))
    engine = LocalEngine(parse_checkpoint(f"A={folder}"), folder)
    samples = [Sample.ask(id="s", image=png(60, 30), query="what is this")]
    settings = GenerationSettings(max_new_tokens=3)
    predictions = next(engine.predict([samples], settings))
    with pytest.raises(RelevanceUnavailable, match=kind):
        engine.relevance(samples, predictions, settings, MapRequest(method=method))
