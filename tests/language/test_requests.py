"""Rule 5: how a spec is asked for: a file, a shipped model or preset, with `@preset` and overrides; JSON; mappings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spec_samples import node

from archgraph.errors import ReadError, SpecError, UnknownNameError
from archgraph.graph.diff import diff
from archgraph.language import library
from archgraph.language.expressions.budget import bounded_effort
from archgraph.language.load import check, load
from archgraph.language.reading.document import read_text

TEXT = """\
archgraph: 1
name: net
params: {width: 4}
presets: {small: {}, large: {width: 16}}
inputs: {x: [N, 3]}
nodes: {fc: {op: linear, out_features: =width}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(TEXT)
    return path


def width(graph: object) -> int:
    return node(graph, "fc").op.out_features  # type: ignore[arg-type,attr-defined,no-any-return]


def test_a_file_with_and_without_a_preset(file: Path) -> None:
    assert width(load(file)) == width(load(str(file))) == 4
    assert width(load(f"{file}@large")) == width(load(file, "large")) == 16
    assert width(load(f"{file}@large", width=5)) == 5


def test_a_preset_asked_for_beside_the_name_wins(file: Path) -> None:
    assert width(load(f"{file}@large", "small")) == 4


def test_json_and_a_mapping_are_the_same_language(file: Path) -> None:
    data = read_text(TEXT).data
    other = file.with_suffix(".json")
    other.write_text(json.dumps(data))
    assert not diff(load(file), load(other))
    assert not diff(load(file), load(data))


def test_a_shipped_model_and_one_of_its_presets() -> None:
    assert load("resnet50").title == load("resnet@resnet50").title == "resnet@resnet50"
    assert load("ddpm").title == "ddpm"


def test_a_file_in_the_way_of_a_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path needs a suffix or a slash, unless the file is there."""
    monkeypatch.chdir(tmp_path)
    assert load("resnet18").name == "resnet"
    (tmp_path / "resnet18").write_text(TEXT)
    assert load("resnet18").name == "net"


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(UnknownNameError) as error:
        load("resnt50")
    assert str(error.value) == (
        "error: there is no model 'resnt50'\n"
        "  expected: a file (model.yaml), a shipped model (ddpm@cifar10) or one of its presets (resnet50)\n"
        "  hint: did you mean 'resnet50'?"
    )


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(ReadError) as error:
        load(file.with_name("nett.yaml"))
    assert (
        str(error.value) == f"error: there is no file '{file.with_name('nett.yaml')}'\n  hint: did you mean 'net.yaml'?"
    )


def test_checking_one_preset_or_all(file: Path) -> None:
    assert [graph.title for graph in check(file)] == ["net@small", "net@large"]
    assert [graph.title for graph in check(f"{file}@large")] == ["net@large"]
    assert [width(graph) for graph in check(file, width=7)] == [7, 7]


def test_checking_a_preset_that_is_not_there(file: Path) -> None:
    with pytest.raises(SpecError, match="net has no preset 'huge'"):
        check(file, "huge")


def test_a_shipped_spec_is_read_again_where_it_or_its_base_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the author of one watches it; what has not changed is read once."""
    monkeypatch.setattr(library, "shipped_specs", lambda: tmp_path)
    base, wider = tmp_path / "net.yaml", tmp_path / "wider.yaml"
    base.write_text(TEXT)
    wider.write_text("archgraph: 1\nname: wider\nextends: ./net.yaml\nset: {fc: {out_features: =2 * width}}\n")
    assert library.read_spec(wider) is library.read_spec(wider)
    assert (width(load(base)), width(load(wider))) == (4, 8)
    base.write_text(TEXT.replace("{width: 4}", "{width: 15}"))
    assert (width(load(wider)), width(load(base))) == (30, 15)
    wider.write_text(wider.read_text().replace("2 *", "3 *"))
    with bounded_effort() as effort:
        assert width(load(wider)) == 45
    assert effort.looked_for == {str(base), str(wider)}
    with bounded_effort() as effort:
        assert width(load(wider)) == 45
    assert effort.looked_for == {str(base), str(wider)}
