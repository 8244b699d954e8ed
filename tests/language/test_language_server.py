"""Editors: the YAML language server with our schema, over stdio as they start it.

It is installed by `npm install yaml-language-server@1.25.0`, in a folder that YAML_LANGUAGE_SERVER names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from language_server import FOLDER, VERSION, LanguageServer, language_server, server_command

from archgraph.language.editor.schema_file import FILE, editor_line, schema_text

ROOT = Path(__file__).parents[2]
COMMAND = server_command()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(COMMAND is None, reason=f"needs node, and yaml-language-server@{VERSION} in ${FOLDER}"),
]
HEAD = "archgraph: 1\nname: net\ninputs: {x: [N, 3, H, W]}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("editor")
    (path / FILE).write_text(schema_text(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    assert COMMAND is not None
    with language_server(COMMAND) as started:
        yield started


def underlined(text: str, server: LanguageServer, folder: Path) -> dict[str, str]:
    """What is underlined, with what is said of it."""
    whole = editor_line() + text
    _, diagnostics = server.open(whole, folder)
    return {cut(whole, item["range"]): item["message"] for item in diagnostics}


def cut(text: str, span: Any) -> str:
    start, end = span["start"], span["end"]
    assert start["line"] == end["line"]
    return text.split("\n")[start["line"]][start["character"] : end["character"]]


@pytest.mark.parametrize(
    ("node", "at", "said"),
    [
        ("a: {op: conv2dd, out_channels: 8}", "conv2dd", "no operation or block"),
        ("a: rellu", "rellu", "no operation or block"),
        ("a: {op: relu, slope: 1}", "slope", "not allowed"),
        ('a: {op: linear, out_features: "8"}', '"8"', "a whole number of at least 1"),
        ("a: {op: linear, out_features: 0}", "0", "minimum of 1"),
        ("a: {op: gelu, approximate: tan}", "tan", "one of none, tanh"),
        ("missing: {op: linear}", "missing", "out_features"),
        ("a: linear", "linear", "{op: linear, out_features: …}"),
        ("lacks: {op: bottleneck}", "lacks", "planes"),
        ("a: {op: bottleneck, planes: 8, strid: 2}", "strid", "not allowed"),
        ("a: {nodes: {b: {op: relu, inplace: true}}}", "inplace", "not allowed"),
        ("odd: {in: x}", "odd", "'op', 'nodes' and 'share'"),
        ("a: relu\nmeta: {task: clasification}", "clasification", "classification"),
        ("a: relu\nmeta: {diffusion: {stepss: 3}}", "stepss", "not allowed"),
        ("a: relu\nouputs: a", "ouputs", "not allowed"),
    ],
)
def test_what_is_wrong_is_underlined(node: str, at: str, said: str, server: LanguageServer, folder: Path) -> None:
    found = underlined(f"{HEAD}nodes:\n  {node}\n", server, folder)
    assert list(found) == [at]
    assert said in found[at]


def texts() -> dict[str, str]:
    """The shipped files, and the examples of the documentation that are right."""
    sys.path.insert(0, str(ROOT / "docs"))
    import fences

    files = [*ROOT.glob("specs/*.yaml"), *ROOT.glob("archgraph/blocks/*.yaml")]
    found = {path.name: path.read_text(encoding="utf-8") for path in files}
    for page in ("docs/language.md", "docs/recipes.md", "docs/sizes.md", "docs/python.md", "README.md"):
        for block in fences.fences((ROOT / page).read_text(encoding="utf-8")):
            if block.language == "yaml" and not block.wrong:
                found[f"{page}:{block.line}"] = fences.whole(block.text)
    return found


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in texts().items()])
def test_no_false_alarm(text: str, server: LanguageServer, folder: Path) -> None:
    assert not underlined(text, server, folder)


CURSOR = "‸"


def at_cursor(text: str, server: LanguageServer, folder: Path) -> tuple[str, int, int]:
    before, _, after = (editor_line() + HEAD + text).partition(CURSOR)
    address, _ = server.open(before + after, folder)
    return address, before.count("\n"), len(before.rpartition("\n")[2])


@pytest.mark.parametrize(
    ("text", "offered", "explained"),
    [
        ("nodes:\n  a: {op: conv‸}\n", {"conv2d", "conv_norm_act", "relu"}, ("conv2d", "2-D convolution")),
        ("nodes:\n  a: re‸\n", {"relu", "resnet"}, ("resnet", "block of")),
        ("nodes:\n  a: {op: conv2d, k‸}\n", {"kernel_size", "in", "padding"}, ("stride", "default `1`")),
        ("nodes:\n  a:\n    op: bottleneck\n    p‸\n", {"planes", "when"}, ("planes", "A whole number; required.")),
        ("nodes:\n  a: {op: gelu, approximate: ‸}\n", {"none", "tanh"}, ("tanh", "")),
        ("meta:\n  di‸\n", {"diffusion", "task", "labels"}, ("task", "What the network learns.")),
        ("meta:\n  diffusion:\n    sampler: ‸\n", {"ddim", "unipc"}, ("ddim", "")),
        ("pre‸", {"presets", "params"}, ("presets", "Named sets of parameters")),
    ],
)
def test_completion(
    text: str, offered: set[str], explained: tuple[str, str], server: LanguageServer, folder: Path
) -> None:
    found = server.completions(*at_cursor(text, server, folder))
    assert offered <= set(found)
    assert explained[1] in str(found[explained[0]].get("documentation"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("nodes:\n  a: {op: co‸nv2d, out_channels: 8, kernel_size: 3}\n", "2-D convolution"),
        ("nodes:\n  a: re‸lu\n", "max(x, 0)"),
        (
            "nodes:\n  a: {op: conv2d, out_channels: 8, kernel_size: 3, str‸ide: 2}\n",
            "at least 1, or two of them; default",
        ),
        ("nodes:\n  a: {op: bottl‸eneck, planes: 8}\n", "He et al. 2016"),
        ("nodes:\n  a: {op: bottleneck, pla‸nes: 8}\n", "A whole number; required"),
        ("nodes:\n  a: {op: relu, wh‸en: true}\n", "A condition"),
        ("meta: {diffusion: {st‸eps: 3}}\n", "steps of `archgraph sample`"),
    ],
)
def test_hover(text: str, shown: str, server: LanguageServer, folder: Path) -> None:
    found = server.hover(*at_cursor(text, server, folder)).replace("\\", "")
    assert shown.lower() in found.lower()
    assert "abs" not in found  # all names are no help where one of them stands
