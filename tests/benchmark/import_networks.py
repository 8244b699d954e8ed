"""The networks whose import is measured: every builder of torchvision, the smallest network of each family of timm,
and those of transformers and diffusers in narrow configurations.

Which one is the smallest follows from its name, so that none has to be built.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import references

from archgraph.importing.sources.example_inputs import InputDescription
from archgraph.importing.sources.module_source import ModuleSource

_WORDS = (
    "zepto femto atto pico nano xxs xs xxt xt tiny mini micro lite0 small t n s ti b0 m0 a0 base medium b m large l"
)
_SIZES = _WORDS.split()
_NO_IMAGE = ("naflexvit",)
"""Read a dictionary of patches and coordinates in place of an image."""
VIDEO = InputDescription(("N", 3, 16, "H", "W"))


@dataclass(frozen=True, slots=True)
class Network:
    """A network of a library, with random weights; `inputs` are what it reads, where its library does not say so."""

    source: ModuleSource
    inputs: Mapping[str, InputDescription] = field(default_factory=dict)

    @property
    def library(self) -> str:
        return self.source.library.partition(".")[0]

    @property
    def name(self) -> str:
        return self.source.name

    def __str__(self) -> str:
        return f"{self.library}:{self.name}"


def _torchvision() -> Iterator[Network]:
    models = references.torchvision().models
    for kind, package in (("image", models), ("segmentation", models.segmentation), ("video", models.video)):
        for name in sorted(models.list_models(module=package)):
            options = {"weights_backbone": None, "aux_loss": False} if kind == "segmentation" else {}
            yield Network(ModuleSource("torchvision", name, options), {"x": VIDEO} if kind == "video" else {})


def _timm() -> Iterator[Network]:
    """One network of each family: names of one module that begin with the same word."""
    timm = references.timm()
    for module in timm.list_modules():
        families: dict[str, list[str]] = {}
        for name in timm.list_models(module=module):
            if not name.startswith(("test_", *_NO_IMAGE)):
                families.setdefault(_family(name), []).append(name)
        for names in families.values():
            yield Network(ModuleSource("timm", min(names, key=_size)))


def _transformers() -> Iterator[Network]:
    from import_transformers import NETWORKS

    references.transformers()
    yield from map(Network, NETWORKS.values())


def _diffusers() -> Iterator[Network]:
    from import_diffusers import NETWORKS

    references.diffusers()
    yield from map(Network, NETWORKS.values())


_LIBRARIES: Mapping[str, Callable[[], Iterator[Network]]] = {
    "torchvision": _torchvision,
    "timm": _timm,
    "transformers": _transformers,
    "diffusers": _diffusers,
}


def _family(name: str) -> str:
    """The letters that a name starts with: those of `regnetx_002` and `regnety_004` differ."""
    found = re.match(r"(?:tf_|legacy_|gc_)?[a-z]+", name)
    return found[0] if found else name


def _size(name: str) -> tuple[int, int, int, str]:
    """What orders names by size: the word for it, then the largest number."""
    parts = re.split(r"[_.]|(?<=[a-z])(?=\d)", name)
    words = [_SIZES.index(part) for part in parts if part in _SIZES]
    glued = [place for place, word in enumerate(_SIZES) if len(word) > 3 and word in name]
    return (
        min([*words, *glued], default=len(_SIZES)),
        max((int(number) for number in re.findall(r"\d+", name)), default=0),
        len(name),
        name,
    )


def selected(wanted: Sequence[str]) -> list[Network]:
    """Those whose name starts with one of the texts, in their order; all where there are none.

    Libraries that are not installed are named and left out.
    """
    found: list[Network] = []
    for library, networks in _LIBRARIES.items():
        if wanted and not any(f"{library}:".startswith(text) or text.startswith(f"{library}:") for text in wanted):
            continue
        try:
            found += networks()
        except ImportError as error:
            print(f"{library} is left out: {error}", file=sys.stderr)
    ordered = [one for text in wanted for one in found if str(one).startswith(text)]
    return list({str(one): one for one in ordered}.values()) if wanted else found
