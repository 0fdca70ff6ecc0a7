"""A digest of code and data that changes when either does, and is the same in every process."""

from __future__ import annotations

import dis
import hashlib
import re
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

PLAIN = (type(None), bool, int, float, complex, str, bytes, range, slice, type(...))
# Whether equal constants are one object depends on whether a module was compiled or read.
SHARED = (tuple, frozenset, CodeType, re.Pattern, PurePath, Enum)
READS = ("LOAD_GLOBAL", "LOAD_NAME")
MEMBERS = (FunctionType, staticmethod, classmethod, property)


def code_digest(value: object) -> str:
    """32 hexadecimal digits for a value and everything that it refers to.

    A function stands for its byte code, constants, defaults, closure and the globals it names; so
    another version of Python has another digest. What belongs to the standard library or to an
    installed package stands for its name alone, and so does an object of a class from there.
    """
    digest = hashlib.blake2b(digest_size=16)
    for token in _Walk().tokens(value):
        data = token.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return digest.hexdigest()


class _Walk:
    """Visits everything once; what is met again, also in a circle, is named by its number."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, object]] = {}  # holds the objects, so that ids stay theirs

    def tokens(self, value: object) -> Iterator[str]:
        if isinstance(value, PLAIN) and not isinstance(value, Enum):
            yield f"{type(value).__name__} {value!r}"
            return
        if not isinstance(value, SHARED):
            if id(value) in self._seen:
                yield f"again {self._seen[id(value)][0]}"
                return
            self._seen[id(value)] = len(self._seen), value
        kind, parts = self._opened(value)
        yield f"( {kind}"
        for part in parts:
            yield from self.tokens(part)
        yield ")"

    def _opened(self, value: Any) -> tuple[str, Iterable[object]]:
        """What kind of value it is, and what it consists of."""
        name = _name(value)
        match value:
            case Enum():
                return f"enum {_name(type(value))}", [value.name]
            case tuple() | list():
                return type(value).__name__, value
            case set() | frozenset():  # their order differs between processes
                return "set", sorted(code_digest(item) for item in value)
            case Mapping():
                return "mapping", (part for item in value.items() for part in item)
            case re.Pattern():
                return "pattern", [value.pattern, value.flags]
            case PurePath():
                return "path", [str(value)]
            case CodeType():
                return "code", _code(value)
            case partial():
                return "partial", [value.func, value.args, value.keywords]
            case MethodType():
                return "method", [value.__func__, value.__self__]
            case staticmethod() | classmethod():
                return "function", [value.__func__]
            case property():
                return "property", [value.fget]
            case BuiltinFunctionType() | ModuleType():
                return f"name {name}", []
            case FunctionType():
                foreign = _is_foreign(value.__module__, value.__code__.co_filename)
                return f"function {name}", [] if foreign else _function(value)
            case type():
                return f"class {name}", [] if _is_foreign_class(value) else _members(value)
        if hasattr(value, "dtype") and hasattr(value, "tobytes"):
            return "array", [str(value.dtype), value.shape, value.tobytes()]
        if is_dataclass(value):
            parts = [getattr(value, field.name) for field in fields(value)]
            return "object", [type(value), *parts]
        own = {} if _is_foreign_class(type(value)) else _attributes(value)
        return "object", [type(value), *(part for item in own.items() for part in item)]


def _function(function: FunctionType) -> Iterator[object]:
    code = function.__code__
    yield from (code, function.__defaults__, function.__kwdefaults__)
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # not filled yet
            yield "empty"
    known = function.__globals__
    yield from (part for name in _names(code) if name in known for part in (name, known[name]))


def _code(code: CodeType) -> Iterator[object]:
    yield from (code.co_code, code.co_exceptiontable, code.co_names, code.co_freevars)
    yield from (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
    yield from code.co_consts


def _names(code: CodeType) -> list[str]:
    """The globals that the code and the functions inside it read; no attributes."""
    read = {step.argval for step in dis.get_instructions(code) if step.opname in READS}
    inner = [const for const in code.co_consts if isinstance(const, CodeType)]
    return sorted(read.union(*map(_names, inner)))


def _attributes(value: object) -> dict[str, object]:
    slots = [name for owner in type(value).__mro__ for name in getattr(owner, "__slots__", ())]
    own = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return own | getattr(value, "__dict__", {})


def _members(owner: type) -> Iterator[object]:
    """Methods and constants, and the classes it builds on."""
    yield from owner.__bases__
    for name, member in sorted(vars(owner).items()):
        if isinstance(member, MEMBERS) or (isinstance(member, PLAIN) and name[:2] != "__"):
            yield from (name, member)


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{getattr(value, '__module__', '')}.{name}"


def _is_foreign_class(owner: type) -> bool:
    methods = (member for member in vars(owner).values() if isinstance(member, FunctionType))
    first: Callable[..., Any] | None = next(methods, None)
    place = first.__code__.co_filename if first is not None else ""
    return _is_foreign(owner.__module__, place)


def _is_foreign(module: str | None, place: str) -> bool:
    """Whether it is of the standard library or of an installed package other than this one."""
    top = (module or "").partition(".")[0]
    if top == "pytest_vlm":
        return False
    path = Path(place)
    if {"site-packages", "dist-packages"} & set(path.parts) or top == "builtins":
        return True
    return path.is_relative_to(sysconfig.get_path("stdlib"))
