"""Names of other people's files on a terminal: what it would act on is shown as text, by every command."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import archgraph.cli

ODD = "a\x1b[31m\x9b2J\u202eb\u200b"
SHOWN = "a\\x1b[31m\\x9b2J\\u202eb\\u200b"
BLOCKS = "archgraph: 1\nname: parts\nblocks: {one: {inputs: {x: [...]}, nodes: {a: relu}}}\n"


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (("check", f"{ODD}.yaml"), "small@narrow: ok, 112 parameters"),
        (("code", f"{ODD}.yaml", "-o", f"{ODD}.py"), f"wrote {SHOWN}.py"),
        (("export", f"{ODD}.yaml", "-o", f"{ODD}.onnx", "--no-verify"), f"wrote {SHOWN}.onnx"),
        (("diff", f"{ODD}.yaml", f"{ODD}.yaml"), "are equal"),
        (("summary", f"{ODD}.yaml"), "224"),
        (("check", f"{ODD}_blocks.yaml"), f"{SHOWN}_blocks.yaml: ok, blocks only"),
        (("check", f"{ODD}_none.yaml"), f"there is no file '{SHOWN}_none.yaml'"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_nothing_is_printed_that_a_terminal_acts_on(
    archgraph: Any, spec: Path, command: tuple[str, ...], printed: str
) -> None:
    spec.rename(spec.with_name(f"{ODD}.yaml"))
    spec.with_name(f"{ODD}_blocks.yaml").write_text(BLOCKS)
    ran = archgraph(*command)
    assert printed in ran.out + ran.err
    assert not set("\x1b\x9b\u202e\u200b") & set(ran.out + ran.err)


def test_a_json_document_means_the_same(archgraph: Any, spec: Path) -> None:
    spec.rename(spec.with_name(f"{ODD}.yaml"))
    ran = archgraph("export", f"{ODD}.yaml", "-o", f"{ODD}.onnx", "--no-verify", "--json")
    assert not set("\x1b\x9b\u202e\u200b") & set(ran.out)
    assert ran.json["file"] == f"{ODD}.onnx"


PRINTING = {"output.py", "streams.py", "progress.py", "__init__.py", "app.py"}
"""Where `print` is called: the escaping ones themselves, and texts of our own."""


def test_commands_print_by_the_escaping_function() -> None:
    for path in Path(archgraph.cli.__file__).parent.glob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        printing = any(isinstance(call, ast.Name) and call.id == "print" for call in calls)
        assert not printing or path.name in PRINTING, f"{path.name}: use `echo` of archgraph/cli/output.py"
