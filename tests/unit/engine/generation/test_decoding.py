"""Pictures come decoded, in order, once a batch."""

from __future__ import annotations

import threading

import pytest

from pytest_vlm.engine.generation.decoding import decode_ahead, picture_places, thin_videos
from pytest_vlm.evaluation import pictures
from pytest_vlm.evaluation.samples import Image, Message, Sample, Text, Video
from pytest_vlm.settings import GenerationSettings


def ask(name: str, image: bytes) -> Sample:
    return Sample.ask(id=name, image=image, query="?", cluster="c")


@pytest.mark.parametrize("side", [8, 640])
def test_batches_and_samples_keep_their_order(picture, side):
    """Of small pictures, and of those that threads decode."""
    samples = [ask(str(n), picture((side + n, side))) for n in range(23)]
    batches = [samples[start : start + 3] for start in range(0, 23, 3)]
    opened = list(decode_ahead(iter(batches), GenerationSettings()))
    assert [[q.sample.id for q in batch] for batch in opened] == [
        [s.id for s in batch] for batch in batches
    ]
    shown = [(q.pictures[0].size, q.sample.id) for batch in opened for q in batch]
    assert shown == [((side + n, side), str(n)) for n in range(23)]


def test_only_what_is_worth_it_is_decoded_in_threads(picture, monkeypatch):
    by: dict[tuple[int, int], set[str]] = {}
    decode = pictures.decode

    def watched(stream):
        found = decode(stream)
        by.setdefault(found.size, set()).add(threading.current_thread().name)
        return found

    monkeypatch.setattr(pictures, "decode", watched)
    for size in ((16, 16), (1200, 1000)):
        batches = [[ask(str(n), picture(size, seed=n))] for n in range(4)]
        assert len(list(decode_ahead(batches, GenerationSettings()))) == 4
    main = threading.current_thread().name
    assert by[16, 16] == {main}
    assert main in by[1200, 1000]  # the first batch
    assert any(name.startswith("vlm-decode") for name in by[1200, 1000])


def test_questions_about_one_picture_share_it(picture):
    image = picture()
    (batch,) = decode_ahead(
        [[ask("a", image), ask("b", image), ask("c", picture(seed=1))]], GenerationSettings()
    )
    a, b, c = (question.pictures[0] for question in batch)
    assert a is b
    assert a is not c


def test_a_broken_picture_is_a_problem_of_its_sample_alone(picture):
    (batch,) = decode_ahead(
        [[ask("good", picture()), ask("bad", b"nothing")]], GenerationSettings()
    )
    assert not batch[0].problem
    assert "cannot open the image" in batch[1].problem
    refused = batch[1].refused()
    assert (refused.sample_id, refused.unusable) == ("bad", "error")
    assert refused.events == (batch[1].problem,)


def test_a_large_picture_is_made_smaller_and_remembers_its_size(picture):
    (batch,) = decode_ahead(
        [[ask("large", picture((200, 100)))]], GenerationSettings(max_pixels=5000)
    )
    (shown,) = batch[0].pictures
    assert shown.size == (200, 100)
    assert shown.pixels.size == (100, 50)


def test_the_reader_may_stop_early(picture):
    batches = decode_ahead(([ask(str(n), picture())] for n in range(50)), GenerationSettings())
    assert next(batches)[0].sample.id == "0"
    batches.close()


def clip(frames: int, picture) -> Sample:
    video = Video(frames=tuple(Image(source=picture(seed=n)) for n in range(frames)))
    message = Message(role="user", parts=(video, Text(text="?")))
    return Sample(id="clip", messages=(message,))


@pytest.mark.parametrize(
    ("frames", "kept"), [(None, range(9)), (20, range(9)), (3, [0, 4, 8]), (1, [4]), (2, [0, 8])]
)
def test_a_video_is_thinned_evenly(picture, frames, kept):
    sample = clip(9, picture)
    assert thin_videos(sample, frames).frames == tuple(sample.frames[n] for n in kept)


def test_pictures_are_not_thinned(picture):
    sample = ask("a", picture())
    assert thin_videos(sample, 1) is sample


def test_only_the_frames_that_stay_are_decoded(picture):
    (batch,) = decode_ahead([[clip(9, picture)]], GenerationSettings(video_frames=3))
    assert len(batch[0].pictures) == len(batch[0].sample.frames) == 3


def test_a_frame_keeps_its_number_in_the_whole_video(picture):
    still, words = Image(source=picture(seed=9)), Text(text="?")
    video = clip(5, picture).media[0]
    sample = Sample(id="s", messages=(Message(role="user", parts=(still, video, words)),))
    assert picture_places(sample, 2) == [(0, 0), (1, 0), (1, 4)]
    assert picture_places(sample, None) == [(0, 0), *((1, n) for n in range(5))]


def test_the_first_batch_needs_no_thread(picture, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a thread was asked")

    monkeypatch.setattr("concurrent.futures.ThreadPoolExecutor.submit", refuse)
    (batch,) = decode_ahead([[ask("a", picture())]], GenerationSettings())
    assert batch[0].sample.id == "a"
