"""`schema` and `init`: what an editor needs, and a spec that checks at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from json_schema import Schema

from archgraph.language.editor.schema_file import FILE, editor_line
from archgraph.language.reading.document import read_file


def test_the_schema_is_printed_or_written(archgraph: Any, tmp_path: Path) -> None:
    printed = archgraph("schema")
    assert printed.json["$defs"]["conv2d"]["required"] == ["out_channels", "kernel_size"]
    ran = archgraph("schema", "-o", "editor.json")
    assert ran.out.startswith("wrote editor.json (")
    assert (tmp_path / "editor.json").read_text() == printed.out


def test_the_schema_of_a_file_has_its_own_blocks(archgraph: Any, tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(
        "archgraph: 1\nname: net\ninputs: {x: [N, 8]}\nnodes: {a: mine}\n"
        "blocks: {mine: {about: It is mine., params: {k: 1}, inputs: {x: [N, C]}, nodes: {a: relu}}}\n"
    )
    found = archgraph("schema", "net.yaml").json["$defs"]
    assert found["mine."]["description"] == "mine: It is mine."
    assert "k" in found["mine"]["properties"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schema", "nope.yaml"], "there is no file 'nope.yaml'"),
        (["schema", "-o", "a.txt"], "its name promises another format"),
        (["init", "my-net"], "hint: archgraph init my_net"),
        (["init", "a", "--like", "resnet51"], "did you mean 'resnet50'?"),
        (["init", "."], "'.' is no name of a new spec"),
        (["init", "x.json"], "hint: archgraph init x"),
        (["init", "for"], "cannot be a network's name"),
    ],
)
def test_what_is_refused(arguments: list[str], said: str, archgraph: Any, tmp_path: Path) -> None:
    ran = archgraph(*arguments)
    assert ran.status == 1
    assert said in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("like", [[], ["--like", "resnet18"]], ids=["new", "like"])
def test_a_new_spec_checks_at_once_and_editors_know_it(like: list[str], archgraph: Any, tmp_path: Path) -> None:
    assert archgraph("init", "mine", *like).status == 0
    text = (tmp_path / "mine.yaml").read_text()
    assert text.startswith(editor_line())
    assert archgraph("check", "mine.yaml").out.startswith("mine: ok, ")
    schema = json.loads((tmp_path / FILE).read_text())
    assert Schema(schema).admits(read_file(tmp_path / "mine.yaml").data)


def test_an_extension_names_what_may_be_changed(archgraph: Any, tmp_path: Path) -> None:
    archgraph("init", "mine", "--like", "resnet18")
    text = (tmp_path / "mine.yaml").read_text()
    assert "extends: resnet@resnet18\n" in text
    assert text.endswith("layer4, avgpool, flatten, fc\n")
    head, _, params = text.partition("# params:")
    params = re.sub("classes: +1000", "classes: 10", params.rpartition("# set")[0])
    (tmp_path / "mine.yaml").write_text(f"{head}params:{params.replace('# ', '')}")
    assert "logits [N, 10]" in archgraph("check", "mine.yaml").out


def test_like_a_file_of_the_same_folder(archgraph: Any, tmp_path: Path) -> None:
    archgraph("init", "base")
    assert archgraph("init", "mine", "--like", "base.yaml").status == 0
    assert "extends: ./base.yaml\n" in (tmp_path / "mine.yaml").read_text()
    refused = archgraph("init", "below/mine", "--like", "base.yaml")
    assert "lies outside of the folder of below/mine.yaml" in refused.err
    assert "hint: archgraph init mine.yaml --like base.yaml" in refused.err


def test_nothing_is_overwritten(archgraph: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("precious")
    ran = archgraph("init", "mine")
    assert (ran.status, (tmp_path / "mine.yaml").read_text()) == (1, "precious")
    assert "mine.yaml is there already" in ran.err
    (tmp_path / FILE).write_text("{}")
    ran = archgraph("init", "other")
    assert f"{FILE} is there already, and no schema of archgraph" in ran.err
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", FILE}


def test_a_schema_of_another_version_is_written_anew(archgraph: Any, tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"title": "archgraph spec"}')
    assert archgraph("init", "mine").status == 0
    assert "$defs" in json.loads((tmp_path / FILE).read_text())
