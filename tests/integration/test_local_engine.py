"""The engine ``local`` on two architectures: a trained Qwen3-VL and a tiny random LLaVA."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from safetensors.torch import load_file, save_file
from tiny_llava import TEMPLATE, save_tiny_llava
from tiny_tiled import gemma3

from pytest_vlm.engine.generation.decoding import decode_ahead
from pytest_vlm.engine.generation.prompting import Prompting
from pytest_vlm.engine.relevance.explaining import put_together
from pytest_vlm.errors import CheckpointError, EngineError, RelevanceUnavailable, SamplesError
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.scores import exact_match, pointing_game
from pytest_vlm.session import Session
from pytest_vlm.settings import GenerationSettings, Settings

DIGITS = Path(__file__).parents[2] / "app/digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    settings = Settings(
        checkpoints=(
            f"weak={DIGITS / 'checkpoints/weak'}",
            f"strong={DIGITS / 'checkpoints/strong'}",
        ),
        samples=DIGITS / "heldout/samples.jsonl",
        limit=96,
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as session:
        yield session


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    folder = save_tiny_llava(tmp_path_factory.mktemp("llava"))
    settings = Settings(
        checkpoints=(f"tiny={folder}",), generation=GenerationSettings(max_new_tokens=4)
    )
    with Session(settings, folder=tmp_path_factory.mktemp("run")) as session:
        yield session


def picture(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(width).integers(0, 255, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_strong_checkpoint_answers_and_looks_better(digits):
    weak, strong = digits.checkpoints
    found = {
        (spec.name, score.name): np.mean(
            [v.value for v in digits.evaluate(spec, digits.samples.with_regions(), score).values]
        )
        for spec in (weak, strong)
        for score in (exact_match, pointing_game)
    }
    assert found["strong", "exact match"] > found["weak", "exact match"] + 0.05
    assert found["strong", "exact match"] > 0.8
    assert found["strong", "pointing game"] > 0.8


def test_answers_do_not_depend_on_the_company_they_are_asked_in(digits):
    strong = digits.checkpoints[1]
    together = digits.predict(strong, digits.samples)
    engine = digits.engine(strong)
    for sample, expected in list(zip(digits.samples, together, strict=True))[:8]:
        (alone,) = next(engine.predict([[sample]], digits.settings.generation))
        assert alone.answer == expected.answer
        assert alone.completions[0].finish_reason == "stop"
        assert alone.visual_tokens == 16


def test_a_batch_is_computed_once(digits):
    strong = digits.checkpoints[1]
    digits.predict(strong, digits.samples)
    before = len(digits.records)
    digits.predict(strong, digits.samples[3:5])
    assert len(digits.records) == before


def test_one_new_token_truncates(digits):
    strong = digits.checkpoints[1]
    settings = GenerationSettings(max_new_tokens=1)
    (prediction,) = next(digits.engine(strong).predict([digits.samples[:1]], settings))
    assert prediction.unusable == "truncated"


QUERIES = [
    f"what digit is at the {place}?"
    for place in ("top left", "top right", "bottom left", "bottom right")
]


def about(sample: Sample, number: int) -> list[Sample]:
    image = sample.frames[0].source
    return [Sample.ask(id=f"{number}-{q}", image=image, query=q) for q in QUERIES]


def test_the_vision_tower_sees_a_picture_once(digits, monkeypatch):
    engine, settings = digits.engine(digits.checkpoints[1]), digits.settings.generation
    batch = [q for number, s in enumerate(digits.samples[:8:2]) for q in about(s, number)]
    grids = []
    tower = engine._model.base_model.get_image_features

    def watched(pixel_values, image_grid_thw, **options):
        grids.append(len(image_grid_thw))
        return tower(pixel_values, image_grid_thw, **options)

    monkeypatch.setattr(engine._model.base_model, "get_image_features", watched)
    shared = [p.answer for p in next(engine.predict([batch], settings))]
    assert grids == [4]
    alone = [next(engine.predict([[sample]], settings))[0].answer for sample in batch]
    assert grids == [4] + [1] * len(batch)
    assert shared == alone


def test_shared_pictures_give_another_family_the_same_answers(llava):
    engine, settings = llava.engine(llava.checkpoints[0]), GenerationSettings(max_new_tokens=8)
    image, other = picture(40, 30), picture(50, 64)
    batch = [
        Sample.ask(id=str(n), image=shown, query=query)
        for n, (shown, query) in enumerate(
            [(image, "what is this ?"), (other, "what"), (image, "cat")]
        )
    ]
    together = [p.completions[0].raw for p in next(engine.predict([batch], settings))]
    alone = [next(engine.predict([[s]], settings))[0].completions[0].raw for s in batch]
    assert together == alone


def test_draws_do_not_depend_on_the_batch_and_follow_the_seed(digits):
    engine = digits.engine(digits.checkpoints[0])
    settings = GenerationSettings(temperature=0.7, completions=4)
    asked = list(digits.samples[:16])

    def drawn(batches: list[list[Sample]], settings: GenerationSettings) -> list[list[str]]:
        answers = engine.predict(batches, settings)
        return [[c.raw for c in p.completions] for batch in answers for p in batch]

    together = drawn([asked], settings)
    assert drawn([[sample] for sample in asked], settings) == together
    assert any(len(set(completions)) > 1 for completions in together)
    assert drawn([asked], replace(settings, seed=1)) != together


def test_a_stop_text_ends_an_answer_and_is_no_part_of_it(digits):
    engine, (sample,) = digits.engine(digits.checkpoints[1]), digits.samples[:1]
    whole = next(engine.predict([[sample]], GenerationSettings()))[0].completions[0]
    stopped = next(engine.predict([[sample]], GenerationSettings(stop=(whole.raw,))))[0]
    assert stopped.completions[0].raw == ""
    assert stopped.completions[0].finish_reason == "stop"


def clip(frames: int) -> Sample:
    video = Video(frames=tuple(Image(source=picture(32 + n, 32)) for n in range(frames)))
    words = Text(text="what digit is at the top left ?")
    return Sample(id="clip", messages=(Message(role="user", parts=(video, words)),))


def test_a_thinned_video_is_the_shorter_video(digits):
    engine, whole = digits.engine(digits.checkpoints[1]), clip(5)
    frames = [whole.frames[n] for n in (0, 4)]
    video, words = Video(frames=tuple(frames)), whole.messages[0].parts[1]
    short = Sample(id="clip", messages=(Message(role="user", parts=(video, words)),))
    settings = GenerationSettings(video_frames=2)
    thinned = next(engine.predict([[whole]], settings))[0]
    expected = next(engine.predict([[short]], GenerationSettings()))[0]
    assert thinned.completions == expected.completions
    assert thinned.visual_tokens == expected.visual_tokens
    (heatmap,) = engine.relevance([whole], [thinned], settings)
    assert set(zip(heatmap.media.tolist(), heatmap.frame.tolist(), strict=True)) == {(0, 0), (0, 4)}


def test_fewer_pixels_are_fewer_visual_tokens_at_the_same_places(digits):
    engine, corner = digits.engine(digits.checkpoints[1]), (64.0, 64.0)
    sample = Sample.ask(id="1", image=picture(64, 64), query=QUERIES[0])
    full, small = (
        next(engine.predict([[sample]], GenerationSettings(max_pixels=pixels)))[0]
        for pixels in (None, 32 * 32)
    )
    assert small.visual_tokens < full.visual_tokens
    (heatmap,) = engine.relevance([sample], [small], GenerationSettings(max_pixels=32 * 32))
    assert tuple(heatmap.boxes.max(0)[2:]) == corner


def test_an_image_that_cannot_be_opened_is_an_error_of_that_sample_alone(digits):
    strong = digits.checkpoints[1]
    query = "what digit is at the top left?"
    broken = Sample.ask(id="broken", image=b"no picture", query=query)
    narrow = Sample.ask(id="narrow", image=picture(3, 900), query=query)
    asked = [broken, digits.samples[0], narrow]
    engine = digits.engine(strong)
    first, second, third = next(engine.predict([asked], digits.settings.generation))
    assert (first.unusable, second.unusable, third.unusable) == ("error", None, "error")
    assert "cannot open the image" in first.events[0]
    assert "aspect ratio" in third.events[0]


@pytest.mark.parametrize(("family", "token"), [("digits", "<|image_pad|>"), ("llava", "<image>")])
def test_a_text_that_spells_a_picture_is_an_error_of_that_sample_alone(request, family, token):
    session = request.getfixturevalue(family)
    engine, settings = session.engine(session.checkpoints[-1]), session.settings.generation
    asked = [
        Sample.ask(id=str(n), image=picture(40, 30), query=f"what is {word} ?")
        for n, word in enumerate(["this", token, "a cat"])
    ]
    answers = next(engine.predict([asked], settings))
    assert [p.completions[0].finish_reason == "error" for p in answers] == [False, True, False]
    assert f"its text contains {token}" in answers[1].events[0]
    with pytest.raises(SamplesError, match="1: its text contains"):
        engine.relevance(asked, answers, settings)


def test_inputs_without_the_stock_processor_are_those_of_its_parts(digits):
    """Two pictures of different sizes, one twice, none at all: as transformers makes them."""
    engine, settings = digits.engine(digits.checkpoints[1]), digits.settings.generation
    small, wide = Image(source=picture(40, 30)), Image(source=picture(120, 30))
    asked = [
        Sample(id=str(n), messages=(Message(role="user", parts=(*shown, Text(text="what?"))),))
        for n, shown in enumerate([(small, wide), (), (small,), (wide, wide)])
    ]
    questions = next(decode_ahead([asked], settings))
    inputs = engine._prompting.encode(questions, settings).inputs

    tokenizer, processor = engine._prompting.tokenizer, engine._prompting.image_processor
    shown = [frame.open() for sample in asked for frame in sample.frames]
    pixels = processor(images=shown, return_tensors="pt")
    counts = iter((pixels["image_grid_thw"].prod(-1) // processor.merge_size**2).tolist())
    prompts = []
    for prompt in engine._prompting.render(asked, settings):
        first, *rest = prompt.split("<|image_pad|>")
        prompts.append(first + "".join("<|image_pad|>" * next(counts) + part for part in rest))
    expected = dict(tokenizer(prompts, padding=True, return_tensors="pt"), **pixels)
    pad = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    expected["mm_token_type_ids"] = (expected["input_ids"] == pad).long()
    assert inputs.keys() == expected.keys()
    for name, value in inputs.items():
        assert value.dtype == expected[name].dtype, name
        assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(("family", "token"), [("digits", "<|image_pad|>"), ("llava", "<image>")])
def test_a_system_prompt_that_spells_a_picture_is_an_error(request, family, token):
    session = request.getfixturevalue(family)
    engine = session.engine(session.checkpoints[-1])
    settings = replace(session.settings.generation, system_prompt=f"look at {token}")
    asked = Sample.ask(id="1", image=picture(40, 30), query="what is this ?")
    ((answer,),) = engine.predict([[asked]], settings)
    assert answer.unusable == "error"
    assert f"the system prompt contains {token}" in answer.events[0]


def test_a_template_that_drops_a_picture_is_an_error(digits, monkeypatch):
    engine, settings = digits.engine(digits.checkpoints[1]), digits.settings.generation
    template = engine._prompting.template.replace("<|image_pad|>", "")
    monkeypatch.setattr(engine._prompting, "template", template)
    asked = Sample.ask(id="1", image=picture(40, 30), query="what is this ?")
    ((answer,),) = engine.predict([[asked]], settings)
    assert answer.unusable == "error"
    assert "its prompt has <|image_pad|> 0 times for 1 picture" in answer.events[0]


def test_a_prompt_beyond_the_context_is_an_error_of_that_sample_alone(digits):
    engine, settings = digits.engine(digits.checkpoints[1]), digits.settings.generation
    queries = [QUERIES[0], f"{'what ' * 2000}{QUERIES[0]}", QUERIES[1]]
    asked = [Sample.ask(id=str(n), image=picture(64, 64), query=q) for n, q in enumerate(queries)]
    answers = next(engine.predict([asked], settings))
    assert [p.completions[0].finish_reason == "error" for p in answers] == [False, True, False]
    assert "its prompt has 2," in answers[1].events[0]
    assert "reads at most 1,024" in answers[1].events[0]
    with pytest.raises(SamplesError, match="1: its prompt has"):
        engine.relevance(asked, answers, settings)


def test_reasoning_that_the_template_opens_and_the_length_cuts_is_no_answer(tmp_path):
    folder = save_tiny_llava(tmp_path / "thinking", seed=1, template=TEMPLATE + "<think>\n")
    settings = Settings(
        checkpoints=(f"thinking={folder}",), generation=GenerationSettings(max_new_tokens=3)
    )
    with Session(settings, folder=tmp_path) as session:
        sample = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
        (prediction,) = session.predict(session.baseline, [sample])
        (completion,) = prediction.completions
        assert prediction.unusable == "truncated"
        assert completion.answer == ""
        assert completion.raw == f"<think>{completion.reasoning}"
        assert completion.reasoning
        (heatmap,) = session.relevance(session.baseline, [sample])
        assert heatmap.values.size == 16


def test_a_gap_is_named_by_every_score(digits):
    strong = digits.checkpoints[1]
    region = digits.samples[0].regions
    broken = Sample.ask(id="broken", image=b"none", query="?", targets=("7",), regions=region)
    for score in (exact_match, pointing_game):
        values = digits.evaluate(strong, [broken, digits.samples[0]], score).values
        assert values[0].value is None
        assert "cannot open the image" in values[0].reason
        assert values[1].value is not None


def eager_reference(session, sample):
    """Attention of the answer's rows by transformers' own eager implementation."""
    spec = session.checkpoints[-1]
    engine = session.engine(spec)
    prediction = session.predict(spec, [sample])[0]
    questions = next(decode_ahead([[sample]], session.settings.generation))
    batch = engine._encode(questions, session.settings.generation)
    (completion,), model = prediction.completions, engine._model
    spans = [(0, len(completion.raw))]
    reading = put_together(model, batch, [completion], spans, engine._prompting.tokenizer)
    kernel = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with torch.inference_mode():
        layers = model(**reading.inputs, output_attentions=True).attentions[-2:]
    model.set_attn_implementation(kernel)
    prompt = batch.inputs["input_ids"].shape[1]
    spoken = reading.inputs["input_ids"].shape[1] - prompt
    rows = torch.stack(layers).mean(0).mean(1)[0, prompt - 1 : prompt - 1 + spoken]
    return rows.mean(0)[reading.visual[0]].numpy()


@pytest.mark.parametrize("family", ["digits", "llava"])
def test_the_map_is_what_eager_attention_gives(request, family):
    session = request.getfixturevalue(family)
    image = picture(64, 64)
    sample = Sample.ask(id="1", image=image, query="what digit is at the top left ?")
    (heatmap,) = session.relevance(session.checkpoints[-1], [sample])
    assert heatmap.values == pytest.approx(eager_reference(session, sample), abs=1e-5)
    assert heatmap.shape == (4, 4)


def test_padding_and_batching_leave_the_map_alone(digits):
    strong = digits.checkpoints[1]
    engine, settings = digits.engine(strong), digits.settings.generation
    chosen = list(digits.samples[:8])
    (answers,) = engine.predict([chosen], settings)
    together = engine.relevance(chosen, answers, settings)
    for sample, answer, expected in zip(chosen, answers, together, strict=True):
        (alone,) = engine.relevance([sample], [answer], settings)
        assert alone.values == pytest.approx(expected.values, abs=1e-5)


def test_a_centre_crop_is_in_the_boxes(llava):
    wide = Sample.ask(id="wide", image=picture(64, 32), query="what is this ?")
    (heatmap,) = llava.relevance(llava.baseline, [wide])
    assert heatmap.boxes.min(0).tolist() == [16, 0, 24, 8]
    assert heatmap.boxes.max(0).tolist() == [40, 24, 48, 32]


def test_two_images_have_cells_of_their_own(llava):
    parts = (Image(source=picture(32, 32)), Image(source=picture(64, 64)), Text(text="a cat ?"))
    sample = Sample(id="two", messages=(Message(role="user", parts=parts),))
    (heatmap,) = llava.relevance(llava.baseline, [sample])
    assert heatmap.on(0).boxes.max() == 32
    assert heatmap.on(1).boxes.max() == 64
    assert heatmap.shape is None


def test_without_a_chat_template_the_prompt_is_plain_and_says_so(tmp_path):
    folder = save_tiny_llava(tmp_path / "plain", template=None)
    with Session(Settings(checkpoints=(f"plain={folder}",)), folder=tmp_path) as session:
        sample = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
        (prediction,) = session.predict(session.baseline, [sample])
        assert "no chat template" in prediction.events[0]
    asked = [sample, replace(sample, messages=(Message(role="user", parts=(Text(text="?"),)),))]
    assert Prompting(folder).render(asked, GenerationSettings()) == ["<image>a cat ?", "?"]


def own_generation_config(folder, **own):
    """What a checkpoint with this in its generation config answers."""
    save_tiny_llava(folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **own}))
    settings = Settings(
        checkpoints=(f"own={folder}",), generation=GenerationSettings(max_new_tokens=4)
    )
    asked = [Sample.ask(id=f"{n}", image=picture(n, n), query="what is this ?") for n in (32, 40)]
    with Session(settings, folder=folder) as session:
        return [prediction.completions for prediction in session.predict(session.baseline, asked)]


@pytest.mark.parametrize(
    "own",
    [
        {"return_dict_in_generate": True},
        {"do_sample": True, "num_return_sequences": 2},
        {"prompt_lookup_num_tokens": 2},
        {"penalty_alpha": 0.6, "top_k": 4},
        {"max_time": 1e-6},
    ],
    ids=lambda own: next(reversed(own)),
)
def test_what_a_checkpoint_would_do_besides_taking_the_likeliest_token_is_left_out(tmp_path, own):
    assert own_generation_config(tmp_path / "own", **own) == own_generation_config(tmp_path / "not")


def test_a_checkpoints_own_stop_texts_end_its_answers(tmp_path):
    whole = own_generation_config(tmp_path / "not")
    second = whole[0][0].raw.split()[1]
    (completion,), _ = own_generation_config(tmp_path / "own", stop_strings=[second])
    assert completion.finish_reason == "stop"
    assert completion.raw.strip() == whole[0][0].raw.split()[0]


def test_of_several_templates_by_name_the_default_one_is_used(tmp_path):
    asked = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
    prompts = []
    for several in (False, True):
        folder = save_tiny_llava(tmp_path / f"{several}")
        if several:
            (folder / "additional_chat_templates").mkdir()
            (folder / "additional_chat_templates/rag.jinja").write_text("RAG")
        prompts += Prompting(folder).render([asked], GenerationSettings())
    assert prompts[0] == prompts[1]


def test_several_templates_without_a_default_one_are_refused(tmp_path):
    folder = save_tiny_llava(tmp_path / "named", template=None)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] = [{"name": "rag", "template": TEMPLATE}]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="has the chat templates rag and none is called default"):
        Prompting(folder)


@pytest.mark.parametrize("wrong", ["{{ 'ask: ' + messages[0].content }}", "{{ 1 / 0 }}"])
def test_a_template_that_cannot_be_computed_refuses_its_sample_and_does_not_end_the_run(
    tmp_path, wrong
):
    of_assistants = "{% if messages[1] %}" + wrong + "{% endif %}"
    folder = save_tiny_llava(tmp_path / "wrong", template=of_assistants + TEMPLATE)
    one = Sample.ask(id="one", image=picture(32, 32), query="a cat ?")
    two = replace(one, id="two", messages=(*one.messages, *one.messages))
    settings = Settings(
        checkpoints=(f"wrong={folder}",), generation=GenerationSettings(max_new_tokens=2)
    )
    with Session(settings, folder=tmp_path) as session:
        answers = session.predict(session.baseline, [one, two])
    assert [p.completions[0].finish_reason == "error" for p in answers] == [False, True]
    assert "the chat template refuses it: " in answers[1].events[0]


def test_no_text_may_spell_what_a_mark_of_a_picture_becomes(tmp_path):
    folder = gemma3().save(tmp_path / "gemma")  # the mark is <boi>, and becomes tokens <image>
    settings = Settings(
        checkpoints=(f"gemma={folder}",), generation=GenerationSettings(max_new_tokens=2)
    )
    with Session(settings, folder=tmp_path) as session:
        asked = [
            Sample.ask(id=query, image=picture(32, 32), query=query)
            for query in ("what is this", "what <boi>", "what <image>")
        ]
        answers = session.predict(session.baseline, asked)
    assert [p.completions[0].finish_reason == "error" for p in answers] == [False, True, True]
    assert "its text contains <image>, which stands for a picture" in answers[2].events[0]


@pytest.mark.parametrize(
    "template", ["{% for i in range(10**9) %}x{% endfor %}", "{{ 1 // 0 }}", "{{ 1 + 'a' }}"]
)
def test_a_template_that_fails_is_an_error_of_the_samples(tmp_path, template):
    folder = save_tiny_llava(tmp_path / "llava", template=template)
    with Session(Settings(checkpoints=(f"A={folder}",)), folder=tmp_path) as session:
        sample = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
        (answer,) = session.predict(session.baseline, [sample])
    assert answer.unusable == "error"
    assert answer.events[0].startswith("the chat template refuses it: ")


def test_weights_that_do_not_belong_to_the_configuration_are_refused(tmp_path):
    folder = save_tiny_llava(tmp_path / "renamed")
    weights = load_file(folder / "model.safetensors")
    save_file(
        {f"other.{name}": value for name, value in weights.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    with (
        Session(Settings(checkpoints=(f"renamed={folder}",)), folder=tmp_path) as session,
        pytest.raises(CheckpointError, match="has no weights for"),
    ):
        session.engine(session.baseline)


@pytest.mark.gpu
def test_the_gpu_answers_as_the_cpu(digits, tmp_path):
    settings = Settings(
        checkpoints=(f"strong={DIGITS / 'checkpoints/strong'}?device=cuda",),
        samples=digits.settings.samples,
        limit=digits.settings.limit,
    )
    with Session(settings, folder=tmp_path) as session:
        on_gpu = [p.answer for p in session.predict(session.baseline, session.samples)]
    on_cpu = [p.answer for p in digits.predict(digits.checkpoints[1], digits.samples)]
    assert on_gpu == on_cpu


def change_weights(folder: Path, change) -> Path:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_attention_that_is_not_finite_is_no_map(tmp_path):
    folder = change_weights(
        save_tiny_llava(tmp_path / "nan"),
        lambda w: w[next(n for n in w if "q_proj" in n and "language" in n)].fill_(3e38),
    )
    sample = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
    with (
        Session(Settings(checkpoints=(f"nan={folder}",)), folder=tmp_path) as session,
        pytest.raises(RelevanceUnavailable, match="not finite"),
    ):
        session.relevance(session.baseline, [sample])


def test_weights_that_are_not_used_are_an_event(tmp_path):
    folder = change_weights(
        save_tiny_llava(tmp_path / "more"), lambda w: w.update({"lora_A.weight": torch.ones(2)})
    )
    sample = Sample.ask(id="1", image=picture(32, 32), query="a cat ?")
    with Session(Settings(checkpoints=(f"more={folder}",)), folder=tmp_path) as session:
        (prediction,) = session.predict(session.baseline, [sample])
    assert "1 tensors of the weights are not used, such as lora_A.weight" in prediction.events


def test_a_shape_that_does_not_fit_is_named(tmp_path):
    folder = save_tiny_llava(tmp_path / "shape")
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["vocab_size"] += 1
    (folder / "config.json").write_text(json.dumps(config))
    with (
        Session(Settings(checkpoints=(f"shape={folder}",)), folder=tmp_path) as session,
        pytest.raises(CheckpointError, match=r"vocab_size = 18, but .* has 17 rows"),
    ):
        session.engine(session.baseline)


@pytest.mark.parametrize("packing", [{"quant_method": "evil"}, {"bits": 4}, "int4"])
def test_weights_that_nothing_here_can_unpack_are_refused(tmp_path, packing):
    """A method that it does not know transformers passes over, and reads the weights as plain."""
    folder = shutil.copytree(DIGITS / "checkpoints/strong", tmp_path / "packed")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"quantization_config": packing}))
    with (
        Session(Settings(checkpoints=(f"A={folder}",)), folder=tmp_path / "run") as session,
        pytest.raises(CheckpointError, match=r"packed by .*, which the installed transformers"),
    ):
        session.engine(session.baseline)
