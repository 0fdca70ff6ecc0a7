"""Addresses of servers, and their keys."""

from __future__ import annotations

import pytest

from pytest_vlm.engine.server.address import ApiKey, ServerAddress
from pytest_vlm.errors import SettingsError


@pytest.mark.parametrize(
    ("source", "base", "model"),
    [
        ("http://127.0.0.1:8000/v1#qwen", "http://127.0.0.1:8000/v1", "qwen"),
        ("https://host/v1/#org/model:tag", "https://host/v1", "org/model:tag"),
        ("HTTP://Host:1/v1", "http://Host:1/v1", ""),
        ("http://[::1]:8000/v1#a%20b#c", "http://[::1]:8000/v1", "a b#c"),
        ("http://host#m", "http://host", "m"),
    ],
)
def test_an_address(source, base, model):
    address = ServerAddress.parse(source)
    assert (address.base, address.model) == (base, model)


@pytest.mark.parametrize(
    "source",
    ["ftp://host/v1", "http://", "//host/v1", "http://host:99999/v1", "http://[::1/v1", ""],
)
def test_no_address(source):
    with pytest.raises(SettingsError, match="is no address of a server"):
        ServerAddress.parse(source)


@pytest.mark.parametrize(
    "source", ["http://me:sesame@host/v1", "http://sesame@host/v1", "http://host/v1?api-key=sesame"]
)
def test_a_secret_in_the_address_is_refused_and_not_repeated(source):
    with pytest.raises(SettingsError, match="VLM_API_KEY") as error:
        ServerAddress.parse(source)
    assert "sesame" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "here", "readable"),
    [
        ("http://localhost:1/v1", True, False),
        ("http://127.0.0.9:1/v1", True, False),
        ("http://[::1]:1/v1", True, False),
        ("http://10.0.0.1/v1", False, True),
        ("https://10.0.0.1/v1", False, False),
        ("http://localhost.example.org/v1", False, True),
    ],
)
def test_what_crosses_a_network(source, here, readable):
    address = ServerAddress.parse(source)
    assert (address.here, address.readable_by_others) == (here, readable)


def test_a_key_of_the_checkpoint_comes_before_that_of_all(monkeypatch):
    monkeypatch.setenv("VLM_API_KEY", " all \n")
    monkeypatch.setenv("VLM_API_KEY_MY_B_2", "own")
    assert ApiKey.of("A") == ApiKey("VLM_API_KEY", "all")
    assert ApiKey.of("my-B.2") == ApiKey("VLM_API_KEY_MY_B_2", "own")


def test_a_key_prints_as_the_name_of_its_variable():
    assert repr(ApiKey("VLM_API_KEY", "sesame")) == "ApiKey('VLM_API_KEY')"
