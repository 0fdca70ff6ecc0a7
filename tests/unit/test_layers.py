"""Imports go down only; importing the plugin imports nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODELS = {"torch", "transformers", "gradio", "gradio_client"}
PURE = (
    "settings",
    "protocols",
    "errors",
    "kinds",
    "versions",
    "checkpoint.native",
    "checkpoint.redaction",
    "checkpoint.spec",
    "evaluation.dataset",
    "evaluation.dataset_digest",
    "evaluation.shuffling",
    "evaluation.samples",
    "evaluation.pictures",
    "evaluation.picture_header",
    "evaluation.predictions",
    "evaluation.batch_plan",
    "evaluation.keys",
    "evaluation.lasting",
    "evaluation.explanation",
    "evaluation.lookup",
    "evaluation.replies",
    "evaluation.evaluation",
    "evaluation.stores",
    "evaluation.speed",
    "scores",
    "stats",
    "heatmap",
    "golden.asked",
    "golden.calibration",
    "golden.comparison",
    "golden.storage.document",
    "golden.golden",
    "golden.storage.names",
    "golden.storage.packing",
    "golden.tolerance",
    "report.model",
    "report.family",
    "report.measures",
    "report.reuse",
    "gate",
    "memory.size",
)
SESSION = ("session", "assembly", "comparison")
OF_PYTEST = ("plugin", "fixtures", "options", "hooks", "pytest_run")
HEAVY = ("numpy", "scipy", "PIL", "torch", "transformers", "gradio", "gradio_client", "ray")


def modules(package: str) -> list[str]:
    paths = (ROOT / package).rglob("*.py")
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
    return sorted(name.removesuffix(".__init__") for name in names if ".suites" not in name)


def source(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def executed(node: ast.AST) -> Iterator[ast.AST]:
    """The node and what is below it, but not what only a type checker reads."""
    yield node
    for child in node.orelse if is_for_typing(node) else ast.iter_child_nodes(node):
        yield from executed(child)


def imports(module: str) -> set[str]:
    """Every module that is imported anywhere in it, also inside functions."""
    found: set[str] = set()
    for node in executed(ast.parse(source(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{module} imports relatively"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def roots(module: str) -> set[str]:
    return {name.partition(".")[0] for name in imports(module)}


def own(module: str) -> set[str]:
    """What a module imports of pytest_vlm, as names below it."""
    prefix = "pytest_vlm."
    return {name.removeprefix(prefix) for name in imports(module) if name.startswith(prefix)}


def below(name: str, layers: tuple[str, ...]) -> bool:
    return any(name == layer or name.startswith(f"{layer}.") for layer in layers)


def of_pytest(module: str) -> set[str]:
    """What a module imports of the rooms that know pytest."""
    return {name for name in own(module) if below(name, OF_PYTEST)}


PLUGIN = modules("pytest_vlm")
COMMANDS = [name for name in PLUGIN if below(name, ("pytest_vlm.__main__", "pytest_vlm.commands"))]
APP = modules("app")
PURE_MODULES = [name for name in PLUGIN if below(name.removeprefix("pytest_vlm."), PURE)]


def test_every_layer_of_the_table_exists():
    names = {name.removeprefix("pytest_vlm.") for name in PLUGIN}
    assert set(PURE) <= names


@pytest.mark.parametrize("module", PURE_MODULES)
def test_pure_modules_know_no_pytest_and_no_model(module):
    assert not roots(module) & {"pytest", "_pytest", *MODELS}


@pytest.mark.parametrize("module", PURE_MODULES)
def test_pure_modules_import_pure_modules_only(module):
    impure = {name for name in PLUGIN if name not in PURE_MODULES and name != "pytest_vlm"}
    packages = {f"pytest_vlm.{name}" for name in ("checkpoint", "evaluation", "golden", "report")}
    packages |= {"pytest_vlm.memory"}
    assert not imports(module) & (impure - packages)


@pytest.mark.parametrize(
    "module",
    [name for name in PLUGIN if below(name.removeprefix("pytest_vlm."), SESSION)],
)
def test_the_session_works_without_pytest(module):
    assert not roots(module) & {"pytest", "_pytest"}
    assert not of_pytest(module)


@pytest.mark.parametrize("module", PLUGIN)
def test_the_plugin_knows_no_app_and_no_suite(module):
    assert not roots(module) & {"app", "suites"}
    assert not below("suites", tuple(own(module)))


@pytest.mark.parametrize("module", APP)
def test_the_app_builds_on_the_values_not_on_the_plugin(module):
    assert not roots(module) & {"pytest", "_pytest"}
    assert not of_pytest(module)


@pytest.mark.parametrize("module", COMMANDS)
def test_the_command_line_builds_on_the_values_not_on_the_plugin(module):
    assert "pytest" not in roots(module)
    assert not of_pytest(module)


def loaded_after(statement: str) -> set[str]:
    command = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return {name.partition(".")[0] for name in json.loads(process.stdout)}


def test_importing_the_plugin_imports_nothing_heavy():
    loaded = loaded_after("import pytest_vlm.plugin")
    assert {"pytest", "pytest_vlm"} <= loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize(
    "arguments",
    ["--help", "accept --help", "plan --pilot 9 --help", "cache --cache-dir nowhere", "plan"],
)
def test_a_command_line_imports_nothing_heavy_before_it_is_needed(arguments):
    loaded = loaded_after(
        "import contextlib, os, pytest_vlm.__main__ as line\n"
        "with open(os.devnull, 'w') as nobody, contextlib.redirect_stdout(nobody):\n"
        f"    with contextlib.suppress(SystemExit): line.main({arguments.split()})\n"
        "pass"
    )
    assert {"argparse", "pytest_vlm"} <= loaded
    assert not loaded & {"pytest", "_pytest", *HEAVY}


def test_the_session_and_the_statistics_load_no_model_and_no_pytest():
    for statement in ("import pytest_vlm.session", "from pytest_vlm import stats"):
        loaded = loaded_after(statement)
        assert "numpy" in loaded
        assert not loaded & {"pytest", "_pytest", *MODELS}
