"""Weights as somebody asks for them: sources, and what is to be done so that they fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from archgraph.errors import WeightsError
from archgraph.weights.locations import PICKLE
from archgraph.weights.sources import WeightSource, source_of

Texts: TypeAlias = str | Path | Iterable[str | Path] | None
"""One text or path, or several."""


@dataclass(frozen=True, slots=True, init=False)
class WeightsRequest:
    """Files of weights, and how they become a network's: all that is not named here must fit strictly.

    - `sources`: `r50.safetensors`, `pickle:run.ckpt#ema`, `hf:OWNER/NAME`; several with the path of the network that
      each is for, as `backbone=r50.safetensors` or as a mapping.
    - `part`: the prefix of the keys that are taken; the others are left out.
    - `fresh`: paths of the network that start anew, whatever the file has there.
    - `rename`: files of rules; `resize`: position tables that may have another size, `PATH` or `PATH:METHOD`; `lora`:
      adapters, `FILE:SCALE`.

    Raises WeightsError for two files in one place.
    """

    sources: tuple[str, ...]
    part: str
    fresh: tuple[str, ...]
    rename: tuple[str, ...]
    resize: tuple[str, ...]
    lora: tuple[str, ...]

    def __init__(
        self,
        sources: Texts | Mapping[str, str | Path],
        part: str = "",
        fresh: Texts = (),
        rename: Texts = (),
        resize: Texts = (),
        lora: Texts = (),
    ):
        if isinstance(sources, Mapping):
            sources = [f"{path}={place}" for path, place in sources.items()]
        lists = {"sources": sources, "fresh": fresh, "rename": rename, "resize": resize, "lora": lora}
        for name, value in lists.items():
            object.__setattr__(self, name, _listed(value, name))
        object.__setattr__(self, "part", part)
        self._require_places()

    def _require_places(self) -> None:
        subtrees = [source.subtree for source in self.each]
        if len(subtrees) > 1 and not all(subtrees):
            whole = next(source for source in self.each if not source.subtree)
            raise WeightsError(
                f"'{whole.place}' and other weights would both fill the whole network",
                expected="one file, or the path of the network that each is for: --weights backbone=FILE",
            )
        if self.part and len(subtrees) > 1:
            raise WeightsError("--part takes one prefix of one file", received=f"{len(subtrees)} files")
        if len(set(subtrees)) < len(subtrees):
            raise WeightsError("two files of weights are for one path of the network", received=", ".join(subtrees))

    @property
    def each(self) -> tuple[WeightSource, ...]:
        """The sources, read."""
        return tuple(map(source_of, self.sources))

    @property
    def resizes(self) -> dict[str, str]:
        """The paths of the tables that may have another size, and the method that is asked for, or ''."""
        return {path: method for path, _, method in (text.partition(":") for text in self.resize)}

    @property
    def plain(self) -> str | None:
        """The one source that is to fit as it is; None where more is asked for."""
        asked = self.part or self.fresh or self.rename or self.resize or self.lora
        return self.sources[0] if len(self.sources) == 1 and not asked and not self.each[0].subtree else None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders on this machine that it reads."""
        own = [source.path for source in self.each]
        others = [Path(text) for text in self.rename] + [
            Path(adapter(text)[0].removeprefix(PICKLE)) for text in self.lora
        ]
        return tuple(path for path in (*own, *others) if path is not None)


def _listed(value: Any, name: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, (str, Path)):
        return (str(value),)
    if not isinstance(value, Iterable) or isinstance(value, Mapping):
        raise WeightsError(f"'{name}' is a text, or a list of texts", received=repr(value)[:80])
    return tuple(map(str, value))


def adapter(text: str) -> tuple[str, float]:
    """The file of a LoRA and its scale: `style.safetensors:0.8`; 1 where none is given. Raises WeightsError."""
    place, sign, number = text.rpartition(":")
    if not sign or Path(text).exists():
        return text, 1.0
    try:
        scale = float(number)
    except ValueError:
        return text, 1.0
    if not math.isfinite(scale):
        raise WeightsError(f"the scale of a LoRA is a number: {text}", expected="--lora style.safetensors:0.8")
    return place, scale
