"""Which loader loads what: an address is the server's, whatever the engine is."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint
from pytest_vlm.engine.fake import FakeEngine, Script
from pytest_vlm.engine.registry import GROUP, find_loader
from pytest_vlm.errors import EngineError, SettingsError

SERVER = parse_checkpoint("B=http://127.0.0.1:1/v1#m")


class Known:
    """A loader that can say whose answers they are."""

    def __call__(self, spec: CheckpointSpec) -> FakeEngine:
        return FakeEngine(Script(answers={"1": f"known {spec.name}"}))

    def fingerprint(self, spec: CheckpointSpec) -> str:
        return f"of {spec.name}"


def plain(spec: CheckpointSpec) -> FakeEngine:
    return FakeEngine(Script(answers={"1": f"plain {spec.name}"}))


@pytest.mark.parametrize("name", ["local", "fake", "server"])
def test_an_address_is_the_servers_whatever_the_engine_is(name):
    loader = find_loader(name, {"local": plain, "server": Known()})
    assert loader.fingerprint(SERVER) == "of B"
    assert loader(SERVER).script.answers["1"] == "known B"


def test_what_lies_here_is_the_engines():
    here = CheckpointSpec(name="A", source="runs/a")
    loader = find_loader("local", {"local": plain, "server": Known()})
    assert loader(here).script.answers["1"] == "plain A"
    assert loader.fingerprint(here) is None
    assert find_loader("mine", {"mine": Known()}).fingerprint(here) == "of A"


def test_a_server_that_cannot_say_gives_no_fingerprint():
    assert find_loader("fake", {}).fingerprint(SERVER) is None


def test_an_unknown_engine_is_refused_with_those_that_are_known():
    with pytest.raises(SettingsError, match=r"unknown engine 'lokal'; known are .*fake.*, local"):
        find_loader("lokal", {"local": plain})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Another package, installed, whose engine ``other`` is what the entry point says."""

    def install(value: str, package: str = "other-package") -> None:
        (tmp_path / "other_engine.py").write_text(
            "from pytest_vlm.engine.fake import FakeEngine, Script\n\n"
            "def load(spec):\n    return FakeEngine(Script(seed=7))\n\nnothing = None\n"
        )
        (tmp_path / "broken_engine.py").write_text("raise RuntimeError('no driver')\n")
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nother = {value}\n")
        monkeypatch.syspath_prepend(tmp_path)

    return install


def test_another_package_brings_an_engine(installed):
    installed("other_engine:load")
    assert find_loader("other", {})(CheckpointSpec(name="A", source="x")).script.seed == 7


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_module:load", "No module named 'no_such_module'; install other-package"),
        ("other_engine:absent", "has no attribute 'absent'; install other-package"),
        ("broken_engine:load", "cannot be loaded: no driver; install other-package"),
        ("other_engine:nothing", "is NoneType; it has to be a callable"),
    ],
)
def test_another_package_whose_engine_is_none_is_named(installed, value, said):
    installed(value)
    with pytest.raises(SettingsError, match=f"the engine 'other' of other-package .*{said}"):
        find_loader("other", {})


def test_two_packages_with_an_engine_of_one_name_are_refused(installed):
    installed("other_engine:load")
    installed("other_engine:load", "second-package")
    said = "other' is installed by other-package .* and second-package .*; uninstall one"
    with pytest.raises(SettingsError, match=said):
        find_loader("other", {})
    assert find_loader("other", {"other": Known()}).fingerprint(SERVER) is None


@pytest.mark.parametrize("given", [7, "", b"digest"])
def test_what_is_no_fingerprint_is_refused(given):
    class Loader(Known):
        def fingerprint(self, spec):
            return given

    with pytest.raises(EngineError, match=r"A: its loader gave the fingerprint .*; it has to be"):
        find_loader("mine", {"mine": Loader()}).fingerprint(CheckpointSpec(name="A", source="x"))


def test_what_is_no_engine_is_refused():
    class Half:
        device = "cpu"

        def predict(self, batches, settings):
            yield from ()

    for given, lacking in ((Half(), "no_relevance, relevance, close"), ("text", "device, .*close")):
        loader = find_loader("mine", {"mine": lambda spec, given=given: given})
        with pytest.raises(EngineError, match=f"gave a {type(given).__name__} without {lacking};"):
            loader(CheckpointSpec(name="A", source="x"))
