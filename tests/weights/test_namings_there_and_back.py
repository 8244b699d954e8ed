"""Every preset of the collection under each of its published namings, and back: the same keys, and the same bits."""

from __future__ import annotations

import pytest
import yaml
from naming_cases import SHIPPED, assert_equal, backward, forward, thin_state
from shipped_graphs import shipped

from archgraph.weights.namings import namings_of, read_naming

SPECS = SHIPPED.parent
SAMPLED = ("densenet121", "convnextv2_atto", "wav2vec2_base", "sd3_vae", "vit_b_16", "control_sd21")
"""Run each time; the other tests of namings send more of them through."""


def presets() -> list[str]:
    """All presets of the networks that have published namings."""
    found = []
    for folder in sorted(SHIPPED.iterdir()):
        spec = yaml.safe_load((SPECS / f"{folder.name}.yaml").read_text())
        found += [f"{folder.name}@{preset}" for preset in spec.get("presets", {})] or [folder.name]
    return found


def slow_but_for_samples() -> list[object]:
    return [
        pytest.param(name, marks=[] if name.partition("@")[2] in SAMPLED else [pytest.mark.slow]) for name in presets()
    ]


@pytest.mark.parametrize("name", slow_but_for_samples())
def test_there_and_back(name: str) -> None:
    own = thin_state(name)
    namings = namings_of(shipped(name))
    assert namings, "a folder of namings, of which none is this preset's"
    for naming in namings:
        assert_equal(forward(naming, backward(naming, own)), own)


def test_each_naming_says_what_it_is_and_is_of_some_preset() -> None:
    known = {name.partition("@")[2] or name for name in presets()}
    for path in SHIPPED.glob("*/*.yaml"):
        naming = read_naming(path)
        assert naming.about, path
        assert set(naming.presets) <= known, path


def test_the_original_names_are_those_of_the_preset() -> None:
    """Files of Stable Diffusion XL have their upsampling elsewhere; both namings are called the same."""
    for preset in ("sd15", "sdxl"):
        assert [naming.name for naming in namings_of(shipped(preset))] == ["original"]
