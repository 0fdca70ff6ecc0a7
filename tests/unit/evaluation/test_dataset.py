"""Datasets: by position, slice and id; parts of a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_vlm.errors import SamplesError
from pytest_vlm.evaluation.dataset import Dataset
from pytest_vlm.evaluation.samples import Region, Sample


@pytest.fixture
def dataset(picture):
    return Dataset(
        Sample.ask(id=id, image=picture(), query="?", tags=tags, regions=regions)
        for id, tags, regions in (
            ("a", ("x",), ()),
            ("b", (), (Region(box=(0, 0, 8, 8)),)),
            ("c", ("x", "y"), ()),
        )
    )


def ids(samples):
    return [sample.id for sample in samples]


def test_finds_by_position_slice_and_id(dataset):
    assert dataset[0].id == "a"
    assert dataset[-1].id == "c"
    assert dataset["b"] is dataset[1]
    part = dataset[1:]
    assert isinstance(part, Dataset)
    assert ids(part) == ["b", "c"]
    assert (len(dataset), len(part)) == (3, 2)


def test_an_unknown_id_is_named(dataset):
    with pytest.raises(SamplesError, match="no sample has the id 'z'"):
        dataset["z"]


def test_a_position_that_is_not_there_is_an_index_error(dataset):
    with pytest.raises(IndexError):
        dataset[3]
    with pytest.raises(IndexError):
        dataset[:1][1]


def test_tags_and_regions_select(dataset):
    assert ids(dataset.tagged("x")) == ["a", "c"]
    assert ids(dataset.with_regions()) == ["b"]
    assert not dataset.tagged("z")


def test_ids_are_unique(dataset):
    with pytest.raises(SamplesError, match="two samples have the id 'a'"):
        Dataset([*dataset, dataset[0]])


def test_a_part_of_a_part_knows_its_whole(dataset):
    part = dataset.tagged("x")[1:]
    assert part.root is dataset is dataset.root
    assert list(part.positions) == [2]
    assert ids(part[::-1]) == ["c"]


def test_a_part_holds_only_its_own(dataset):
    part = dataset.where(lambda sample: sample.id != "b")
    assert dataset[0] in part
    assert dataset[1] not in part
    assert "a" not in part
    with pytest.raises(SamplesError, match="no sample has the id 'b'"):
        part["b"]


def test_the_position_is_that_of_an_equal_sample_in_the_whole(dataset):
    part = dataset[1:]
    assert part.position_of(dataset[2]) == 2
    assert part.position_of(replace(dataset[2])) == 2
    assert part.position_of(replace(dataset[2], targets=("7",))) is None
    assert part.position_of(replace(dataset[2], id="z")) is None
