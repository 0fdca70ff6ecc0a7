"""Settings from the command line and the ini file, by the rows of the table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest

from pytest_vlm.errors import SettingsError
from pytest_vlm.options.table import OPTIONS, Option
from pytest_vlm.settings import GenerationSettings, LoadSettings, RelevanceSettings, Settings

T = TypeVar("T")


def add_options(parser: pytest.Parser) -> None:
    """Put every row on the command line and, where allowed, into the ini file."""
    group = parser.getgroup("vlm", "vision-language checkpoints (pytest-vlm)")
    for option in OPTIONS:
        names = [f"--vlm-{option.name}"]
        if option.field == "checkpoints":
            names.insert(0, "--checkpoint")
        if option.metavar is None:
            group.addoption(
                *names, dest=option.dest, action="store_true", default=None, help=option.help
            )
        else:
            action = "append" if option.repeated else "store"
            group.addoption(
                *names,
                dest=option.dest,
                action=action,
                default=None,
                metavar=option.metavar,
                help=option.help,
            )
        if option.ini:
            kind: Literal["linelist", "string"] = "linelist" if option.repeated else "string"
            parser.addini(option.dest, option.help, type=kind, default=None)


def read_settings(config: pytest.Config) -> Settings:
    """The run's settings; a path on the command line is relative to the current folder, one in the
    ini file to that file.

    Raises:
        pytest.UsageError: a value that makes no sense, with the option's name.
    """
    groups: dict[str, dict[str, Any]] = {"": {}, "generation": {}, "relevance": {}, "load": {}}
    for option in OPTIONS:
        value = _given(config, option)
        if value is not None:
            group, _, name = option.field.rpartition(".")
            groups[group][name] = value
    try:
        return Settings(
            **groups[""],
            generation=GenerationSettings(**groups["generation"]),
            relevance=RelevanceSettings(**groups["relevance"]),
            load=LoadSettings(**groups["load"]),
        )
    except SettingsError as error:
        raise pytest.UsageError(str(error)) from error


def first_given(*values: T | None) -> T | None:
    """The first value that was given; callers list marker, command line, ini file in this order."""
    return next((value for value in values if value is not None), None)


def _given(config: pytest.Config, option: Option) -> Any:
    cli = getattr(config.option, option.dest, None)
    ini = config.getini(option.dest) if option.ini else None
    raw = first_given(cli, ini or None)
    if raw is None:
        return None
    try:
        if option.repeated:
            return tuple(option.convert(item) for item in raw)
        value = option.convert(raw)
    except SettingsError as error:
        raise pytest.UsageError(f"--vlm-{option.name}: {error}") from error
    if isinstance(value, Path):
        home = config.invocation_params.dir if cli is not None else _ini_folder(config)
        return home / value
    return value


def _ini_folder(config: pytest.Config) -> Path:
    return config.inipath.parent if config.inipath is not None else config.rootpath


def documented() -> Iterator[tuple[str, str, str]]:
    """(command line, ini, help) of every row, for the reference."""
    for option in OPTIONS:
        switch = f"--vlm-{option.name}" + (f" {option.metavar}" if option.metavar else "")
        yield switch, option.dest if option.ini else "", option.help
