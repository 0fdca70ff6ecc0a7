"""The engine of a server: what it asks, what it makes of the replies, and how it fails."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest
from chat_server import Asked, ChatServer, Said, completion, free_port, listing, serving

from pytest_vlm.checkpoint.spec import CheckpointSpec
from pytest_vlm.engine.server.client import CONNECTIONS, Patience
from pytest_vlm.engine.server.engine import ServerEngine, draw_seed, load_server
from pytest_vlm.errors import EngineError, RelevanceUnavailable, SettingsError
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.settings import GenerationSettings, LoadSettings

QUICK = Patience(pause=0.001, longest_pause=0.01, request=20)
SETTINGS = GenerationSettings()


@pytest.fixture(autouse=True)
def _no_key(monkeypatch):
    monkeypatch.delenv("VLM_API_KEY", raising=False)


@pytest.fixture
def connect():
    """An engine of a server, closed at the end."""
    opened = []

    def make(
        server: ChatServer, model: str = "m", patience: Patience = QUICK, **fields
    ) -> ServerEngine:
        fragment = f"#{model}" if model else ""
        spec = CheckpointSpec(name="B", source=f"{server.address}{fragment}", **fields)
        opened.append(ServerEngine(spec, patience))
        return opened[-1]

    yield make
    for engine in opened:
        engine.close()


def ask(text: str = "What is it?", id: str = "1") -> Sample:
    return Sample(id=id, messages=(Message(role="user", parts=(Text(text=text),)),))


def many(count: int) -> list[Sample]:
    return [ask(str(number), id=str(number)) for number in range(count)]


def one(engine, sample=None, settings=SETTINGS):
    ((prediction,),) = engine.predict([[sample or ask()]], settings)
    return prediction


def test_a_question_and_its_answer(connect, picture):
    image = picture((32, 16))
    sample = Sample(
        id="1",
        messages=(
            Message(role="user", parts=(Image(source=image), Text(text="What is it?"))),
            Message(role="assistant", parts=(Text(text="A cat."),)),
            Message(role="user", parts=(Text(text="Sure?"),)),
        ),
    )
    with serving(lambda _: completion("Yes.", tokens=3)) as server:
        engine = connect(server)
        prediction = one(engine, sample, GenerationSettings(max_new_tokens=9))
    (asked,) = server.questions
    (shown, words), *_ = [turn["content"] for turn in asked.body.pop("messages")]
    assert asked.body == {"model": "m", "max_tokens": 9, "temperature": 0.0}
    assert shown["image_url"]["url"].startswith("data:image/png;base64,")
    assert words == {"type": "text", "text": "What is it?"}
    assert prediction.completions[0].answer == "Yes."
    assert prediction.completions[0].tokens == 3
    assert prediction.measurement.samples == 1
    assert prediction.measurement.tokens == 3
    assert prediction.measurement.seconds > 0
    assert prediction.measurement.first_token is None
    assert prediction.visual_tokens == 0
    assert prediction.events == ()
    assert engine.device == server.address


def test_conversations_and_settings_are_passed_on(connect):
    settings = GenerationSettings(system_prompt="Be short.", stop=("\n", "END"), temperature=0.7)
    with serving(lambda _: completion()) as server:
        one(connect(server), settings=settings)
    body = server.questions[0].body
    assert body["messages"] == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What is it?"},
    ]
    assert body["stop"] == ["\n", "END"]
    assert body["temperature"] == 0.7
    assert body["seed"] == draw_seed(0, ask().digest, 0)


def test_a_system_message_of_its_own_is_kept(connect):
    own = Message(role="system", parts=(Text(text="Be long."),))
    sample = Sample(id="1", messages=(own, *ask().messages))
    with serving(lambda _: completion()) as server:
        one(connect(server), sample, GenerationSettings(system_prompt="Be short."))
    assert [turn["content"] for turn in server.questions[0].body["messages"]] == [
        "Be long.",
        "What is it?",
    ]


def test_completions_are_requests_with_seeds_of_their_own_in_order(connect):
    settings = GenerationSettings(temperature=1, completions=5, seed=3)
    with serving(lambda asked: completion(str(asked.body["seed"]))) as server:
        prediction = one(connect(server), settings=settings)
    seeds = [draw_seed(3, ask().digest, number) for number in range(5)]
    assert len(set(seeds)) == 5
    assert [c.answer for c in prediction.completions] == [str(seed) for seed in seeds]
    assert [c.seed for c in prediction.completions] == [0, 1, 2, 3, 4]
    assert prediction.measurement.tokens == 10
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_rows_are_asked_at_once_within_bounds_and_come_back_in_order(connect):
    full = threading.Barrier(CONNECTIONS)

    def answer(asked: Asked) -> Said:
        full.wait(20)  # passes only when so many are here at once
        return completion(asked.text)

    with serving(answer) as server:
        batches = [many(2 * CONNECTIONS), many(CONNECTIONS)]
        answers = list(connect(server).predict(batches, SETTINGS))
    assert [[p.answer for p in batch] for batch in answers] == [
        [str(n) for n in range(2 * CONNECTIONS)],
        [str(n) for n in range(CONNECTIONS)],
    ]
    assert server.most_at_once == CONNECTIONS
    assert server.connections <= CONNECTIONS  # used again by the second batch


def test_batches_are_not_mixed(connect):
    with serving(lambda asked: completion(asked.text)) as server:
        stream = connect(server).predict([many(3), many(2), many(1)], SETTINGS)
        for asked in (3, 5, 6):
            next(stream)
            assert len(server.questions) == asked


@pytest.mark.parametrize(
    ("message", "finish", "raw", "reasoning", "answer", "unusable"),
    [
        ({"content": "7"}, "stop", "7", "", "7", None),
        ({"content": "7"}, "eos_token", "7", "", "7", None),
        ({"content": "7 is"}, "length", "7 is", "", "7 is", "truncated"),
        ({"content": ""}, "stop", "", "", "", "empty"),
        ({"content": None}, "stop", "", "", "", "empty"),
        ({"content": "7", "reasoning_content": "hm"}, "stop", None, "hm", "7", None),
        ({"content": "7", "reasoning": "hm"}, "stop", None, "hm", "7", None),
        ({"content": None, "reasoning": "hm"}, "length", None, "hm", "", "truncated"),
        ({"content": "<think>hm</think>7"}, "stop", "<think>hm</think>7", "hm", "7", None),
        ({"content": "hm</think>7"}, "stop", "hm</think>7", "hm", "7", None),
        ({"content": "half \ud83d"}, "stop", "half ?", "", "half ?", None),
    ],
)
def test_texts_and_reasons(connect, message, finish, raw, reasoning, answer, unusable):
    with serving(lambda _: completion(finish=finish, **message)) as server:
        (found,) = one(connect(server)).completions
    assert raw in (None, found.raw)
    assert (found.reasoning, found.answer, found.unusable) == (reasoning, answer, unusable)
    assert found.finish_reason == ("length" if finish == "length" else "stop")


@pytest.mark.parametrize("tokens", [None, -1, "7", 1.5, True, 10**30])
def test_tokens_that_are_not_told_are_zero_and_said(connect, tokens):
    with serving(lambda _: completion(tokens=tokens)) as server:
        prediction = one(connect(server))
    assert prediction.completions[0].tokens == 0
    assert prediction.events == ("the server did not say how many tokens it made",)


def test_a_model_that_is_another_is_said(connect):
    def answer(_: Asked) -> Said:
        said = completion()
        return Said({**said.body, "model": "m-2026\x1b[31m"})

    with serving(answer) as server:
        assert one(connect(server)).events == ("the server answered as the model m-2026[31m",)


def test_frames_of_a_video_are_pictures_thinned_and_encoded_once(connect, picture):
    frames = tuple(Image(source=picture((16 + n, 16), seed=n)) for n in range(5))
    parts = (Video(frames=(*frames, frames[0])), Text(text="What happens?"))
    sample = Sample(id="1", messages=(Message(role="user", parts=parts),))
    with serving(lambda _: completion()) as server:
        one(connect(server), sample, GenerationSettings(video_frames=3))
    content = server.questions[0].body["messages"][0]["content"]
    assert [part["type"] for part in content] == ["image_url"] * 3 + ["text"]
    first, middle, last = [part["image_url"]["url"] for part in content[:3]]
    assert first == last != middle


def test_a_picture_that_cannot_be_read_is_an_error_of_that_sample_alone(connect, tmp_path):
    missing = Sample.ask(id="gone", image=tmp_path / "gone.png", query="?")
    broken = Sample.ask(id="broken", image=b"no picture", query="?")
    with serving(lambda _: completion()) as server:
        (answers,) = connect(server).predict([[missing, ask(), broken]], SETTINGS)
    assert [p.unusable for p in answers] == ["error", None, "error"]
    assert "cannot read the image" in answers[0].events[0]
    assert "cannot open the image" in answers[2].events[0]
    assert answers[1].measurement.samples == 1
    assert len(server.questions) == 1


def test_a_batch_of_which_nothing_can_be_asked(connect):
    broken = Sample.ask(id="broken", image=b"no picture", query="?")
    with serving(lambda _: completion()) as server:
        batches = list(connect(server).predict([[broken] * 8, []], SETTINGS))
    assert [[p.unusable for p in batch] for batch in batches] == [["error"] * 8, []]


def test_there_are_no_maps(connect):
    with serving(lambda _: completion()) as server:
        engine = connect(server)
        with pytest.raises(RelevanceUnavailable, match="B gives no relevance map: a server gives"):
            engine.relevance([ask()], [one(engine)], SETTINGS)


def test_a_thinking_budget_is_refused_by_name(connect):
    with serving(lambda _: completion()) as server:
        stream = connect(server).predict([[ask()]], GenerationSettings(thinking_budget=8))
        with pytest.raises(SettingsError, match="no thinking budget"):
            next(stream)
    assert server.questions == []


def test_the_only_model_is_taken_and_said(connect):
    with serving(lambda _: completion()) as server:
        prediction = one(connect(server, model=""))
    assert server.questions[0].body["model"] == "m"
    assert prediction.events == ("the address names no model: m, the only one served, was asked",)


def test_several_models_are_listed(connect):
    with (
        serving(lambda _: completion(), lambda _: listing("one", "two")) as server,
        pytest.raises(EngineError, match=r"names no model; it serves one, two; .*#MODEL"),
    ):
        connect(server, model="")


def test_a_model_that_is_not_served_is_refused_with_those_like_it_first(connect):
    models = [*(f"other-{n}" for n in range(30)), "Qwen/Qwen3-VL-2B"]
    with (
        serving(lambda _: completion(), lambda _: listing(*models)) as server,
        pytest.raises(EngineError, match=r"no model 'qwen3-vl-2b'; it serves .* and 21 more") as e,
    ):
        connect(server, model="qwen3-vl-2b")
    assert "serves Qwen/Qwen3-VL-2B, other-0" in str(e.value)


def test_a_name_is_decoded(connect):
    with serving(lambda _: completion(), lambda _: listing("org/my model")) as server:
        one(connect(server, model="org/my%20model"))
    assert server.questions[0].body["model"] == "org/my model"


NO_LIST = [
    Said({"error": "no such route"}, status=404),
    Said(b"Internal Server Error", status=500, headers={"Content-Type": "text/plain"}),
    Said({"data": []}),
    Said({"models": ["m"]}),
    Said([1]),
    Said({"data": [{"name": "m"}, 7, {"id": 7}, {"id": ""}]}),
]


@pytest.mark.parametrize("said", NO_LIST)
def test_a_server_without_a_list_is_tolerated_and_said(connect, said):
    with serving(lambda _: completion(), lambda _: said) as server:
        (event,) = one(connect(server)).events
        assert "does not list its models" in event
        with pytest.raises(EngineError, match="names no model; the server lists no models"):
            connect(server, model="")


def test_no_server(connect):
    with pytest.raises(
        EngineError, match=r"no server that can be asked at http://127.0.0.1:\d+/v1"
    ):
        connect(ChatServer(port=free_port()))


def test_an_address_without_the_version_finds_a_page(connect):
    page = Said(b"<html>hello</html>", headers={"Content-Type": "text/html"})
    with (
        serving(lambda _: completion(), lambda _: page) as server,
        pytest.raises(EngineError, match=r"answers text/html and not JSON: <html>.*up to the vers"),
    ):
        connect(server)


def test_settings_of_loading_are_said_to_be_the_servers(connect):
    with serving(lambda _: completion()) as server:
        (event,) = one(connect(server, load=LoadSettings(dtype="bfloat16"))).events
    assert "are the server's, not dtype=bfloat16" in event


def test_the_loader_gives_the_engine():
    with serving(lambda _: completion("7")) as server:
        engine = load_server(CheckpointSpec(name="B", source=f"{server.address}/#m"))
        assert one(engine).answer == "7"
        engine.close()
    assert not [t for t in threading.enumerate() if t.name == "vlm-server"]


def test_the_key_comes_from_the_environment_and_nothing_shows_it(connect, monkeypatch):
    monkeypatch.setenv("VLM_API_KEY", "for-others")
    monkeypatch.setenv("VLM_API_KEY_B", "sesame-4711\n")

    def answer(asked: Asked) -> Said:
        said = asked.headers["Authorization"]
        return Said({"error": {"message": f"bad {said}, sesame-4711"}}, status=400)

    with serving(answer) as server:
        engine = connect(server)
        prediction = one(engine)
    assert {asked.headers["Authorization"] for asked in server.asked} == {"Bearer sesame-4711"}
    assert prediction.unusable == "error"
    assert "400: bad" in prediction.events[0]
    assert "4711" not in repr((prediction, vars(engine), vars(engine._client)))


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    ("key", "advice"),
    [("", "put the key into the environment variable"), ("k", "is not the right")],
)
def test_a_refused_key_ends_the_run(connect, monkeypatch, status, key, advice):
    if key:
        monkeypatch.setenv("VLM_API_KEY", key)
    refused = Said({"error": {"message": "who are you?"}}, status=status)
    with serving(lambda _: refused) as server:
        stream = connect(server).predict([many(40)], SETTINGS)
        with pytest.raises(EngineError, match=rf"answers {status}: who are you\?; .*{advice}") as e:
            next(stream)
        assert "VLM_API_KEY" in str(e.value)
        assert len(server.questions) <= CONNECTIONS
    with (
        serving(lambda _: completion(), lambda _: refused) as server,
        pytest.raises(EngineError, match=rf"/models answers {status}"),
    ):
        connect(server)


def test_no_key_is_no_header(connect):
    with serving(lambda _: completion()) as server:
        one(connect(server))
    assert not [asked for asked in server.asked if "Authorization" in asked.headers]


@pytest.mark.parametrize("key", ["two words", "öffne", "two\nlines"])
def test_a_key_that_cannot_be_sent(connect, monkeypatch, key):
    monkeypatch.setenv("VLM_API_KEY", key)
    with pytest.raises(SettingsError, match="VLM_API_KEY holds more than one word") as error:
        connect(ChatServer(port=1))
    assert key not in str(error.value)


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize(
    "body", [{"error": {"message": "too long"}}, {"detail": "too long"}, b"too  \nlong"]
)
def test_a_refused_sample_is_an_error_of_that_sample_alone(connect, status, body):
    def answer(asked: Asked) -> Said:
        return completion(asked.text) if asked.text == "7" else Said(body, status=status)

    with serving(answer) as server:
        (answers,) = connect(server).predict([many(10)], SETTINGS)
    assert [p.unusable for p in answers] == ["error"] * 7 + [None] + ["error"] * 2
    assert answers[0].events == (f"the server answers {status}: too long",)
    assert len(server.questions) == 10  # none of them twice


def test_one_draw_that_fails_is_the_whole_sample(connect):
    settings = GenerationSettings(temperature=1, completions=3)
    bad = draw_seed(0, ask().digest, 1)

    def answer(asked: Asked) -> Said:
        return completion(finish="content_filter" if asked.body["seed"] == bad else "stop")

    with serving(answer) as server:
        prediction = one(connect(server), settings=settings)
    assert prediction.unusable == "error"
    assert len(prediction.completions) == 1
    assert prediction.events == ("the server ended the answer by content_filter",)


def test_a_404_lists_the_models(connect):
    gone = Said({"error": {"message": "The model `m` does not exist."}}, status=404)
    with serving(lambda _: gone) as server:
        stream = connect(server).predict([[ask()]], SETTINGS)
        with pytest.raises(EngineError, match=r"404: The model `m` does not exist.; it serves m;"):
            next(stream)


def test_two_checkpoints_ask_for_the_same_draws():
    digest = replace(ask(), id="other").digest
    assert draw_seed(1, digest, 0) == draw_seed(1, ask().digest, 0) != draw_seed(2, digest, 0)


def test_a_body_is_json_whatever_the_text(connect):
    with serving(lambda asked: completion(json.dumps(asked.text))) as server:
        assert one(connect(server), ask('"\\\x00\n\ud83d é')).unusable is None
