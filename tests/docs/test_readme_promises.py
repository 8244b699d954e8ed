"""Two commands, one that installs and shows, one that passes the tests; verbs and functions as they were agreed."""

from __future__ import annotations

import inspect
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import archgraph as ag
from archgraph.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", README, flags=re.MULTILINE | re.DOTALL)
    return found


def commands() -> list[str]:
    return re.findall(r"```sh\n(.*?)\n```", section("Two commands"), flags=re.DOTALL)


def test_there_are_exactly_two_commands_of_one_line_each() -> None:
    first, second = commands()
    assert "\n" not in first + second
    assert first.startswith("python3.11 -m venv .venv && ")
    assert first.endswith(" && .venv/bin/archgraph demo")
    assert second.endswith(" && .venv/bin/pytest -n 2")
    assert not re.search(r"\b(apt|apt-get|brew|dnf|conda|sudo)\b", first + second), "no system package is needed"


def test_ci_runs_the_readmes_test_command_in_a_fresh_environment() -> None:
    assert commands()[1] in CI.splitlines()
    assert CI.index("rm -rf .venv") < CI.index("python3 -m venv .venv") < CI.index(commands()[1])
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f".venv/bin/{tool}" in CI
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_workflow_runs_what_ci_runs() -> None:
    assert "run: bash .ci/run" in (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")


def test_what_every_project_has_is_there() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")
    assert "## [" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "bash .ci/run" in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["license"] == "MIT"
    assert settings["tool"]["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert settings["tool"]["mypy"]["strict"] is True
    assert settings["project"]["scripts"] == {"archgraph": "archgraph.cli:main"}


VERBS = ("check", "summary", "render", "build", "code", "export", "infer", "sample", "demo", "ops", "blocks", "models")

FUNCTIONS: dict[str, dict[str, Any]] = {
    "load": {"preset": None},
    "summarize": {},
    "render": {},
    "to_torch": {"weights": None, "seed": 0},
    "to_onnx": {"weights": None, "profile": "portable", "verify": True},
    "diff": {},
}
"""Functions and the defaults that were agreed."""


def test_every_verb_is_a_command() -> None:
    assert set(VERBS) <= set(COMMANDS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_the_agreed_defaults(name: str) -> None:
    parameters = inspect.signature(getattr(ag, name)).parameters
    assert {key: parameters[key].default for key in FUNCTIONS[name]} == FUNCTIONS[name]
    if name == "load":
        assert list(parameters.values())[-1].kind is inspect.Parameter.VAR_KEYWORD


def test_the_runtime_is_reached_from_the_package() -> None:
    assert inspect.signature(ag.runtime.Session).parameters["device"].default == "auto"
    assert callable(ag.runtime.sample)


def test_both_photographs_are_credited() -> None:
    credits = (ROOT / "archgraph" / "photographs" / "README.md").read_text(encoding="utf-8")
    for name in ("flower.jpg", "china.jpg"):
        assert (ROOT / "archgraph" / "photographs" / name).is_file()
        assert name in credits
