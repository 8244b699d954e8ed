"""The pages show what is so: generated parts are current, blocks run, links lead somewhere, tables match the code."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from pathlib import Path

import fences
import gallery
import generate
import operations_page
import pytest

from archgraph import load as load_spec
from archgraph.cli.app import COMMANDS
from archgraph.diffusion import Schedule
from archgraph.diffusion.betas import BETAS
from archgraph.graph import Graph, weights
from archgraph.graph.keys import parameter_count
from archgraph.language.expressions.functions import FUNCTIONS
from archgraph.language.library import read_spec, shipped_specs
from archgraph.language.reading import document
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.models import BLOCK_KEYS, SPEC_KEYS
from archgraph.language.schema.names import NODE_KEYS
from archgraph.language.schema.parameter_types import parse_type
from archgraph.meta.diffusion import DIFFUSION, PREDICTIONS
from archgraph.meta.papers import PAPER
from archgraph.ops.contract import REGISTRY
from archgraph.runtime.images import PREPROCESSING

ROOT = Path(__file__).parents[2]


def page_named(name: str) -> str:
    """A page of the folder docs."""
    return (generate.DOCS / name).read_text(encoding="utf-8")


LANGUAGE = page_named("language.md")
PAGES = sorted([*generate.DOCS.rglob("*.md"), ROOT / "archgraph" / "README.md", ROOT / "CONTRIBUTING.md"])


LONG = ("importing.md", "models.md", "operations.md")
"""They import networks, load every preset, and lower every operation by every profile."""
CURRENT = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in (*generate.GENERATED, *generate.RECORDED)
]


@pytest.mark.parametrize("name", CURRENT)
def test_a_page_is_current(name: str) -> None:
    assert generate.stale(name) is None, "run python docs/generate.py"


def test_models_are_listed_and_drawn_with_their_first_presets() -> None:
    """Every fifth one; the whole page and gallery are held by slow tests."""
    page = page_named("models.md")
    drawn = gallery.NETWORKS.recorded()
    for path in sorted(shipped_specs().glob("*.yaml"))[::5]:
        block = read_spec(path).block
        if block.body.nodes:
            graph = load_spec(path.stem, next(iter(block.presets), None))
            assert f"## {path.stem}\n" in page
            assert f"`{graph.title}` | {parameter_count(graph):,} |" in page, "run python docs/generate.py"
            assert drawn[path.stem] == gallery.NETWORKS.digest(graph), "its picture is old: run python docs/generate.py"


@pytest.mark.parametrize("pictures", gallery.GALLERIES, ids=lambda found: found.folder.name)
def test_a_gallery_has_a_picture_of_each_network_and_no_other(pictures: gallery.Gallery) -> None:
    assert [*pictures.recorded()] == pictures.names()
    assert pictures.left_over() == []


def test_no_picture_of_a_block_is_old() -> None:
    assert gallery.BLOCKS.stale() == [], "run python docs/generate.py"


@pytest.mark.slow
def test_no_picture_of_a_network_is_old() -> None:
    assert gallery.NETWORKS.stale() == []


# --- the machinery can fail -------------------------------------------------------------------------------------------


def test_an_example_that_does_not_work_fails_its_page() -> None:
    with pytest.raises(fences.PageError, match=r"line 1: the yaml block is refused:(.|\n)*there is no operation"):
        fences.recorded("```yaml\nnodes: {a: rellu}\n```\n")


def test_a_wrong_example_that_works_fails_its_page() -> None:
    with pytest.raises(fences.PageError, match="is not refused"):
        fences.recorded("```yaml wrong\nnodes: {a: relu}\n```\n")


def test_outputs_are_replaced_by_what_comes_out() -> None:
    page = "```python\nprint(6 * 7)\n```\n```text\n41\n```\nand\n```text\nno output\n```\n"
    assert fences.recorded(page) == page.replace("41", "42")


def test_a_command_keeps_its_line() -> None:
    page = "```console\n$ archgraph check nothing\nold\n```\n"
    with pytest.raises(fences.PageError, match="there is no model 'nothing'"):
        fences.recorded(page)
    shown = fences.recorded(page.replace("console", "console wrong"))
    assert shown.startswith("```console wrong\n$ archgraph check nothing\nerror: there is no model 'nothing'\n")
    assert "old" not in shown


def test_figures_stay_where_only_numbers_differ() -> None:
    printed = fences.recorded("```console\n$ archgraph check resnet50\n```\n")
    other = printed.replace("console", "console figures").replace("25,557,032", "3.1")
    assert fences.recorded(other) == other
    assert fences.recorded(other.replace("ok,", "fine,")) == printed.replace("console", "console figures")


def test_a_file_of_the_folder_is_shown_and_can_be_imported() -> None:
    page = (
        "```python examples/unet.py\nold\n```\n```python\nimport unet\nprint(unet.UNet.__name__)\n```\n```text\n```\n"
    )
    shown = fences.recorded(page)
    assert "class UNet(nn.Module):" in shown
    assert shown.endswith("```text\nUNet\n```\n")
    assert "unet" not in sys.modules


def test_what_a_spec_does_not_show_is_added_at_its_end() -> None:
    assert fences.whole("nodes: {a: relu}\nname: mine\n") == (
        "nodes: {a: relu}\nname: mine\narchgraph: 1\ninputs: {x: [N, 16, H, W]}\n"
    )


# --- the language's tables --------------------------------------------------------------------------------------------


def section(heading: str) -> str:
    """The text of a section of the language page."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", LANGUAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables in a section, without their headings."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]
    ruled = {at for at, line in enumerate(lines) if line.startswith("| ---")}
    return [
        [cell.strip().replace("\\|", "|") for cell in line] for at, line in enumerate(cells) if not {at, at + 1} & ruled
    ]


def test_the_keys_of_a_file_are_all_there() -> None:
    assert [row[0].strip("`") for row in rows("Files")] == list(SPEC_KEYS)


def test_the_keys_of_a_block() -> None:
    text = r"A block has the same keys without `(\w+)` and `(\w+)`, and two of its own: `(\w+)` .*, `(\w+)` "
    found = re.search(text, section("Files"))
    assert found
    assert set(BLOCK_KEYS) == set(SPEC_KEYS) - set(found.groups()[:2]) | set(found.groups()[2:])


def test_the_keys_of_a_node_are_all_there() -> None:
    assert {key for row in rows("Nodes") for key in re.findall(r"`(\w+)`", row[0])} == set(NODE_KEYS)


def test_the_changes_of_an_extension_are_all_there() -> None:
    stated = [row[0].strip("`") for row in rows("Extending a spec")]
    assert stated[: len(CHANGE_KEYS)] == list(CHANGE_KEYS)


def test_the_functions_of_expressions_are_all_there() -> None:
    (row,) = (row for row in rows("Expressions") if row[0] == "functions")
    assert re.findall(r"`(\w+)`", row[1]) == list(FUNCTIONS)


def test_types_of_parameters_are_what_the_table_says() -> None:
    for declaration, words, default in rows("Parameters"):
        (value,) = document.read_text(declaration.strip("`")).data.values()
        kind = parse_type(value)
        assert kind.required == (default == "must be given"), declaration
        assert KINDS[words](kind), declaration


KINDS = {
    "whole number": lambda kind: kind.text.split(" =")[0] == "int",
    "number": lambda kind: kind.text.split(" =")[0] == "float",
    "true or false": lambda kind: kind.kinds[0].word == "bool",
    "text": lambda kind: kind.kinds[0].word == "str",
    "list of whole numbers": lambda kind: kind.kinds[0].text == "[int]",
    "one of these texts": lambda kind: kind.kinds[0].choices == ("zeros", "reflect") and kind.default == "zeros",
    "whole number or null": lambda kind: kind.kinds[0].word == "int" and kind.optional,
    "either of them": lambda kind: [each.text for each in kind.kinds] == ["int", "[int]"],
    "an operation or block, with its arguments": lambda kind: kind.kinds[0].word == "node",
    "any value": lambda kind: kind.kinds[0].word == "any",
}


READING, BUDGET = "language.reading", "language.expressions.budget"
LIMITS = {
    "size of a file": [(f"{READING}.document.MAX_BYTES", 2**20)],
    "nesting of YAML or JSON": [(f"{READING}.composer.MAX_DEPTH", 1)],
    "entries of a list or mapping": [(f"{READING}.composer.MAX_ENTRIES", 1)],
    "values in a file": [(f"{READING}.composer.MAX_VALUES", 1)],
    "files of one load": [(f"{BUDGET}.MOST_FILES", 1)],
    "values in all files of one load": [(f"{BUDGET}.MOST_VALUES", 1)],
    "files that use, or extend, one another in a row": [("language.used_files.DEEPEST_USE", 1)],
    "changes of an extension": [("language.extension.change.MOST_CHANGES", 1)],
    "nodes that the changes of an extension look at, times the changes": [("language.extension.reach.MOST_STEPS", 1)],
    "levels of a path": [("language.expressions.expression.MOST_LEVELS", 1)],
    "length of a text": [(f"{READING}.composer.MAX_TEXT", 1)],
    "length of a name": [("language.schema.names.LONGEST_NAME", 1)],
    "an expression": [
        ("language.expressions.source_text.LONGEST_EXPRESSION", 1),
        ("language.expressions.compiler.DEEPEST_EXPRESSION", 1),
    ],
    "terms of a size, such as the two of `H*W + 2*H`": [("dims.limits.MOST_TERMS", 1)],
    "copies of a node": [("language.elaboration.repeat.MAX_COPIES", 1)],
    "nodes of a network, or of all presets that are checked together, after repetition; of a block that is applied "
    "alike once more, ten count as one": [(f"{BUDGET}.MAX_NODES", 1)],
    "nodes that bound one size": [("dims.facts.MOST_CAUSES", 1)],
    "all expressions of a network": [(f"{BUDGET}.MOST_STEPS", 1)],
    "blocks within blocks": [("language.elaboration.blocks.MAX_DEPTH", 1)],
    "groups and blocks within one another": [("language.elaboration.elaborate.MAX_DEPTH", 1)],
    "modules within one another, levels of paths included": [("language.elaboration.elaborate.MOST_MODULES", 1)],
    "parameters of a network": [("language.elaboration.finish.MAX_PARAMETERS", 1)],
}
"""The constants that the rows of the table state, with their units; powers of two are stated as such."""
POWERS = {
    "whole numbers": (f"{READING}.composer.MAX_INTEGER", 63),
    "sizes in a shape": ("language.schema.value_types.MAX_SIZE", 31),
}


def constant(name: str) -> int:
    module, _, last = name.rpartition(".")
    found = getattr(importlib.import_module(f"archgraph.{module}"), last)
    assert isinstance(found, int)
    return found


def test_limits_are_those_of_the_code() -> None:
    said = {row[0]: row[1] for row in rows("Limits")}
    assert said.keys() == LIMITS.keys() | POWERS.keys()
    for row, names in LIMITS.items():
        numbers = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", said[row])]
        assert numbers == [constant(name) // unit for name, unit in names], row
    for row, (name, power) in POWERS.items():
        assert said[row] == f"below 2**{power}"
        assert constant(name) == 2**power - 1


def test_meta_keys_are_those_that_are_read() -> None:
    said = {key: row[1:] for row in rows("assert and meta") for key in re.findall(r"`(\w+)`", row[0])}
    assert set(re.findall(r"`(\w+)`", said["preprocess"][1])) == set(PREPROCESSING)
    assert set(re.findall(r"`(\w+)`", said["papers"][1])) == set(PAPER)
    whole = {
        "papers",
        "reference",
        "size",
        "preprocess",
        "labels",
        "diffusion",
        "task",
        "train",
        "weights",
        "export",
        "self_contained",
    }
    assert set(DIFFUSION) == said.keys() - whole | {"size"}
    assert re.findall(r"`(\w+)`", said["schedule"][0]) == [field.name for field in dataclasses.fields(Schedule)]
    for name in (*BETAS, *PREDICTIONS):
        assert re.search(rf"\b{name}\b", said["schedule"][0] + said["prediction"][0]), name


# --- the catalogue ----------------------------------------------------------------------------------------------------


def test_every_operation_is_documented() -> None:
    headings = re.findall(r"^### (\w+)$", page_named("operations.md"), re.MULTILINE)
    assert sorted(headings) == sorted(REGISTRY)


def test_operations_are_documented_as_they_are() -> None:
    """Every twelfth one; the whole page is held by the slow test above."""
    page = page_named("operations.md")
    for name in sorted(REGISTRY)[::12]:
        assert operations_page.operation(name) in page, "run python docs/generate.py"


def test_a_constraint_of_some_presets_names_them() -> None:
    page = page_named("models.md")
    assert "- H must be a multiple of 8 (`cifar10`)" in page
    assert "- H must be a multiple of 32 (`celebahq256`, `church256`, `bedroom256`)" in page


def test_keys_of_a_block_are_listed_as_torchvision_names_them() -> None:
    found = page_named("blocks.md").partition("## basic\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w.]+\.weight)` \| (.*) \|$", found, re.MULTILINE) == [
        ("conv1.weight", "[64, 64, 3, 3]"),
        ("bn1.weight", "[64]"),
        ("conv2.weight", "[64, 64, 3, 3]"),
        ("bn2.weight", "[64]"),
    ]


# --- links, commands, files -------------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), target
        if anchor:
            assert anchor in anchors(found), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_that_are_named_exist(page: Path) -> None:
    for command in re.findall(r"`archgraph ([a-z]+)[ `]", page.read_text(encoding="utf-8")):
        assert command in COMMANDS, command


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "archgraph/README.md"])
def test_files_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(r"`((?:archgraph|tests|specs|docs|\.ci)/[\w./*-]+)`", text)
    assert named
    for path in named:
        assert any(ROOT.glob(re.sub("FAMILY|NAME", "*", path.rstrip("/")))), path


def test_the_keys_on_the_page_are_the_keys_of_the_network(tmp_path: Path) -> None:
    """`fn.fn.qkv_proj` and the other keys that the text of language.md mentions."""
    mentioned = {
        "attend": ["attend.fn.groupnorm.weight", "attend.fn.fn.qkv_proj.weight"],
        "wider": ["same.conv1.weight", "wider.shortcut.weight", "wider.shortcut.bias"],
        "stage:": ["stage.0.layer.1.conv.weight"],
        "fc:      {op: linear, out_features: 10}": ["conv1.weight", "conv1.bias", "fc.weight", "fc.bias"],
    }
    for sign, keys in mentioned.items():
        block = next(each for each in fences.fences(LANGUAGE) if each.language == "yaml" and sign in each.text)
        path = tmp_path / "example.yaml"
        path.write_text(fences.whole(block.text), encoding="utf-8")
        graph: Graph = load_spec(path)
        listed = {item.key for item in weights(graph)}
        for key in keys:
            assert f"`{key}`" in LANGUAGE
            assert key in listed
