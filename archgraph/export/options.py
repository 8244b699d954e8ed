"""What an export may be asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a network is written.

    - `profile`: which operators may be used, a name in `PROFILES`.
    - `dtype`: what most of the work is computed in: float32, float16 or bfloat16. What is sensitive, and the paths in
      `keep`, stay in float32.
    - `sizes`: numbers for symbols; the file takes no others.
    - `split_time`: the work that depends on times and labels only goes to a second file, `NAME.time.onnx` (None: where
      there is such work).
    - `fold`: batch norms become part of the layer before them.
    - `origin`: the files that the weights were made of, with their digests, for the metadata.
    """

    profile: str = "portable"
    dtype: str = "float32"
    keep: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    split_time: bool | None = False
    fold: bool = True
    origin: Sequence[Mapping[str, Any]] = ()
