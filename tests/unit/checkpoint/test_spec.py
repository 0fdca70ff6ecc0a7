"""``--checkpoint [NAME=]SOURCE[@REV][?key=value&...]``."""

from __future__ import annotations

import pytest

from pytest_vlm.checkpoint.spec import CheckpointSpec, parse_checkpoint, parse_checkpoints
from pytest_vlm.errors import SettingsError
from pytest_vlm.settings import LoadSettings

TOKEN = "hf_" + "aB3" * 11


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Relative paths below are in an empty folder with a few checkpoints."""
    monkeypatch.chdir(tmp_path)
    for name in ("weak", "runs/lr=1e-3/last", "lr=2", "a@1", "what?dtype=float32"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "name", "source", "revision"),
    [
        ("weak", "weak", "weak", None),
        ("weak/", "weak", "weak/", None),
        ("./weak", "weak", "./weak", None),
        ("A=weak", "A", "weak", None),
        ("v1.2_b-3=weak", "v1.2_b-3", "weak", None),
        ("runs/lr=1e-3/last", "last", "runs/lr=1e-3/last", None),
        ("A=runs/lr=1e-3/last", "A", "runs/lr=1e-3/last", None),
        ("A=lr=2", "A", "lr=2", None),
        ("A=not/there", "A", "not/there", None),
        ("org/model", "model", "org/model", None),
        ("org/model@main", "model", "org/model", "main"),
        ("B=org/model@v1.0", "B", "org/model", "v1.0"),
        ("not@here/model@v1", "model", "not@here/model", "v1"),
        ("B=a@1", "B", "a@1", None),
        ("models:/digits/3", "digits", "models:/digits/3", None),
        ("models:/digits@best", "digits", "models:/digits@best", None),
        ("B=models:/digits@best", "B", "models:/digits@best", None),
        ("http://host:8000/v1#org/model", "model", "http://host:8000/v1#org/model", None),
        ("B=https://host/v1#m@1=2", "B", "https://host/v1#m@1=2", None),
    ],
)
def test_name_source_and_revision(text, name, source, revision):
    assert parse_checkpoint(text) == CheckpointSpec(name=name, source=source, revision=revision)


def test_the_working_directory_has_a_name(here):
    assert parse_checkpoint(".").name == here.name


def test_settings_of_one_checkpoint_override_those_of_the_run():
    run = LoadSettings(dtype="float32", device="cpu")
    spec = parse_checkpoint("B=org/model@main?dtype=bfloat16&attention=eager", run)
    assert spec == CheckpointSpec(
        name="B",
        source="org/model",
        revision="main",
        load=LoadSettings(dtype="bfloat16", device="cpu", attention="eager"),
    )
    assert parse_checkpoint("weak", run).load == run


def test_a_path_with_a_question_mark_that_exists_wins():
    with pytest.raises(SettingsError, match="may only hold letters"):
        parse_checkpoint("what?dtype=float32")  # needs a name, and is not read as a setting


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no checkpoint; write NAME=path/to/folder"),
        ("A=", "names no checkpoint"),
        ("?dtype=float32", "names no checkpoint"),
        ("A=?dtype=float32", "names no checkpoint"),
        ("=weak", "the name '' may only hold letters"),
        ("a b=weak", "the name 'a b' may only hold letters"),
        ("a/b=weak", "the name 'a/b' may only hold"),
        ("é=weak", "the name 'é' may only hold"),
        ("A\n=weak", "may only hold"),
        ("lr=2", "the name 'lr=2' may only hold letters, .*; write NAME=path/to/folder"),
        (
            "weak?dtyp=float32",
            "unknown setting 'dtyp'; known are attention, base, budget, device, dtype, trust",
        ),
        ("weak?__class__=x", "unknown setting '__class__'"),
        ("weak?base=", "base is a folder or a hub id; write \\?base=path/to/base"),
        ("weak?base=http://host/v1", "base is a folder or a hub id"),
        ("weak?budget=much", "budget: 'much' is not a size; write for example '14 GiB'"),
        ("weak?budget=0", "a budget of 0 leaves no room"),
        ("http://host/v1#llava:7b", "the name 'llava:7b' may only hold"),
        ("http:///v1#m", "is no address of a server"),
        ("http://host:port/v1#m", "is no address of a server"),
        ("http://host:99999/v1#m", "is no address of a server"),
        ("http://[::1/v1#m", "is no address of a server"),
        ("http://host/v1?version=1#m", "unknown setting 'version'"),
        ("http://host/v1#m?base=weak", "base is for files, and a server's model has none"),
        ("http://host/v1#m?trust_remote_code=yes", "trust_remote_code is for files"),
        ("weak?trust_remote_code=True", "trust_remote_code is yes or no, not 'True'"),
        ("weak?dtype", "dtype= is none of auto, float32, bfloat16"),
        ("weak?dtype=int8", "dtype=int8 is none of auto, float32, bfloat16"),
        ("weak?device=", "device= is no device; write auto, cpu, cuda"),
        ("weak?device=CPU", "device=CPU is no device"),
        ("weak?device=auto%2Bcpu", r"device=auto\+cpu is no device"),
        ("weak?device=auto+cpu", r"device=auto\+cpu is no device; .* or cuda:0\+cpu"),
        ("weak?device=cpu:0", "device=cpu:0 is no device"),
        ("weak?device=cuda:-1", "device=cuda:-1 is no device"),
        ("weak?attention=", "attention= names none"),
        ("weak?dtype=float32&dtype=float16", "dtype is given twice, as 'float32' and 'float16'"),
        (f"{__file__}@main", "lies here, and has no revision 'main'; leave out @main"),
        ("A=s3://bucket/model", "come from folders, the hub, models:/NAME@ALIAS and http"),
    ],
)
def test_refuses_with_what_to_write(text, message):
    with pytest.raises(SettingsError, match=message):
        parse_checkpoint(text)


def test_base_and_budget_are_of_one_checkpoint_and_not_of_how_it_is_loaded():
    spec = parse_checkpoint("B=runs/d.safetensors?base=org/model@v1&budget=6 GiB&dtype=float16")
    assert spec.base == "org/model@v1"
    assert spec.budget == 6 * 2**30
    assert spec.load == LoadSettings(dtype="float16")
    assert parse_checkpoint(spec.argument()) == spec
    assert "?base=org/model@v1&dtype=float16&budget=6442450944" in spec.argument()


@pytest.mark.parametrize("base", ["runs/a+b", "runs/a b", "what?x=1&y", "50%", "lr=1e-3"])
def test_a_base_may_have_any_name(base):
    spec = CheckpointSpec(name="B", source="d.pt", base=base)
    assert parse_checkpoint(spec.argument()) == spec
    assert parse_checkpoint("B=d.pt?base=runs/a+b").base == "runs/a+b"


@pytest.mark.parametrize(
    ("text", "server"),
    [("http://h/v1#m", True), ("https://h#m", True), ("models:/a/1", False), ("weak", False)],
)
def test_knows_whether_a_server_answers(text, server):
    spec = parse_checkpoint(f"B={text}")
    assert spec.on_server == server
    assert parse_checkpoint(spec.argument()) == spec


def test_a_text_that_is_too_long_for_a_path_is_no_path():
    assert parse_checkpoint(f"B={'x' * 5000}").source == "x" * 5000


def test_code_is_trusted_for_one_checkpoint_by_its_own_words_only():
    spec = parse_checkpoint("B=org/model?trust_remote_code=yes&dtype=float16")
    assert spec.trust_remote_code
    assert parse_checkpoint(spec.argument()) == spec
    assert not parse_checkpoint("B=org/model?trust_remote_code=no").trust_remote_code
    assert not parse_checkpoint("B=org/model").trust_remote_code
    assert "trust" not in parse_checkpoint("B=org/model").argument()


@pytest.mark.parametrize(
    "text",
    [
        f"B={TOKEN}",
        f"org/model?hf_token={TOKEN}",
        "B=http://host/v1?token=sesame",
        "B=https://me:sesame@host/v1",
        f"weak?device={TOKEN}",
    ],
)
def test_a_secret_is_refused_and_not_repeated(text):
    instead = "VLM_API_KEY" if "://" in text else "hf auth login"
    with pytest.raises(SettingsError, match=rf"holds a secret, .*{instead}") as caught:
        parse_checkpoint(text)
    assert TOKEN not in str(caught.value)
    assert "sesame" not in str(caught.value)
    assert "***" in str(caught.value)


def test_a_folder_that_looks_like_a_secret_is_a_folder(here):
    (here / TOKEN).mkdir()
    assert parse_checkpoint(f"B={TOKEN}").source == TOKEN


def test_the_first_is_the_baseline_and_the_order_stays():
    assert [str(spec) for spec in parse_checkpoints(["B=weak", "A=weak", "C=x"])] == list("BAC")
    assert parse_checkpoints([]) == ()


@pytest.mark.parametrize("texts", [["A=weak", "A=x"], ["weak", "weak"], ["one/x", "two/x"]])
def test_two_of_one_name_are_refused_with_both_sources(texts):
    with pytest.raises(SettingsError, match=r"two checkpoints are called .*; name them apart"):
        parse_checkpoints(texts)
