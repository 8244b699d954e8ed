"""Every preset of the collection through `weights convert`, under each of its namings and back: the same bits.

Files hold a slice of each tensor, so that networks of 400 billion weights fit; what is compared are files.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from naming_cases import SHIPPED, assert_equal, thin, thin_state, with_equal_copies
from safetensors.torch import load_file, save_file
from shipped_graphs import shipped

from archgraph.graph.types import Graph
from archgraph.verbs.weight_files import convert_weights
from archgraph.weights import targets
from archgraph.weights.namings import PublishedNaming, namings_of, read_naming
from archgraph.weights.wanted import WantedWeight, wanted_by

SPECS = SHIPPED.parent
SAMPLED = {
    *("convnextv2@convnextv2_atto", "vae_encoder@sd3_encoder", "hifigan@hifigan_v3", "resnet@resnet18"),
    "lstm_tagger",
}
"""Run each time; the other tests of namings send more of them through."""


def presets(spec: Path) -> list[str]:
    """The presets of a spec, or its own name."""
    names = yaml.load(spec.read_text(), Loader=yaml.CSafeLoader).get("presets") or {}
    return [f"{spec.stem}@{preset}" for preset in names] or [spec.stem]


COLLECTION = [name for spec in sorted(SPECS.glob("*.yaml")) for name in presets(spec)]


def thinly_wanted(graph: Graph) -> dict[str, WantedWeight]:
    """What a network wants, of each tensor the slice that the file holds."""
    return {key: replace(weight, shape=thin(weight.shape)) for key, weight in wanted_by(graph).items()}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in SAMPLED else [pytest.mark.slow]) for name in COLLECTION]
)
def test_through_convert_and_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "wanted_by", thinly_wanted)
    graph, own = shipped(name), thin_state(name)
    for item, weight in wanted_by(graph).items():
        if weight.tied:
            own[item] = own[weight.tied].clone()
    for naming in namings_of(graph):
        own = with_equal_copies(naming, own)
    save_file(own, tmp_path / "own.safetensors")
    convert_weights(tmp_path / "own.safetensors", tmp_path / "same.safetensors", graph)
    assert_equal(load_file(tmp_path / "same.safetensors"), own)
    for naming in namings_of(graph):
        published, back = tmp_path / f"{naming.name}.safetensors", tmp_path / "back.safetensors"
        convert_weights(tmp_path / "own.safetensors", published, graph, to=naming.name)
        assert has_other_names(naming, load_file(published).keys(), own.keys())
        report = convert_weights(published, back, graph).report
        assert report.left_out == ()
        made = {key: tensor for key, tensor in load_file(back).items() if key not in report.computed}
        assert_equal(made, {key: tensor for key, tensor in own.items() if key not in report.computed})


def has_other_names(naming: PublishedNaming, published: Any, own: Any) -> bool:
    """A naming that only leaves out what is not the network's has none."""
    return bool(published != own) or all(rule.text.startswith("{drop") for rule in naming.rules)


def test_each_naming_says_what_it_is_and_is_of_some_preset() -> None:
    known = {name.partition("@")[2] or name for name in COLLECTION}
    for path in SHIPPED.glob("*/*.yaml"):
        naming = read_naming(path)
        assert (SPECS / f"{path.parent.name}.yaml").is_file()
        assert naming.about, path
        assert set(naming.presets) <= known, path


def test_the_page_lists_every_naming() -> None:
    page = (SPECS.parent / "docs" / "weights.md").read_text()
    rows = set(re.findall(r"^\| `(\w+)`[^|]*\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    said = {
        (path.parent.name, naming.name, naming.about.partition(". ")[0].rstrip("."))
        for path in SHIPPED.glob("*/*.yaml")
        for naming in [read_naming(path)]
    }
    assert rows == said


def test_the_original_names_are_those_of_the_preset() -> None:
    """Files of Stable Diffusion XL have their upsampling elsewhere; both namings are called the same."""
    for preset in ("sd15", "sdxl"):
        assert [naming.name for naming in namings_of(shipped(preset))] == ["original"]
