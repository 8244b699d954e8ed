"""Every entry of an exported file's metadata (`metadata_props` of ONNX): its key, what its text holds, how it is read.

Whoever writes or reads an entry does it by the `Entry` that stands here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from archgraph.artifact.constraints import read_constraint
from archgraph.artifact.index_ranges import Range, read_range
from archgraph.artifact.tensor_specs import TensorSpec, read_tensors, read_time_branch
from archgraph.dims import Constraint
from archgraph.errors import ModelFileError

PREFIX = "archgraph."
FORMAT = "1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One entry. `holds` is the schema of its text; `default` the text that a file without the entry is read as, None
    where each file has the entry."""

    name: str
    holds: str
    write: Callable[[Any], str]
    read: Callable[[str], T]
    default: str | None = None

    @property
    def key(self) -> str:
        return PREFIX + self.name

    def of(self, entries: Mapping[str, str], file: object = "the file") -> T:
        """What a file holds. Raises ModelFileError where the entry is damaged, or missing and needed."""
        text = entries.get(self.key, self.default)
        try:
            if text is None:
                raise ValueError("it is missing")
            return self.read(text)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise ModelFileError(
                f"{file} is damaged: its metadata entry '{self.key}' cannot be read",
                received=str(error),
                hint="export the file again",
            ) from error

    def with_value(self, value: Any) -> dict[str, str]:
        """The entry, as a mapping of its key to its text."""
        return {self.key: self.write(value)}


def json_text(value: Any) -> str:
    """Compact JSON; read-only mappings as mappings, other values that JSON lacks, such as sizes, as their text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _text(name: str, holds: str, default: str = "") -> Entry[str]:
    return Entry(name, holds, str, str, default)


def _json(name: str, holds: str, read: Callable[[Any], T], default: str | None) -> Entry[T]:
    return Entry(name, f"JSON: {holds}", json_text, lambda text: read(json.loads(text)), default)


def _anything(data: Any) -> Any:
    return data


def _mapping(data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ValueError("a mapping is wanted")
    return data


def _name(data: Any) -> str:
    if not isinstance(data, str):
        raise ValueError("a name is wanted")
    return data


def _names(data: Any) -> list[str]:
    if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
        raise ValueError("a list of names is wanted")
    return data


def _sources(data: Any) -> list[dict[str, Any]]:
    return [
        {"file": str(entry["file"]), "bytes": int(entry["bytes"]), "sha256": str(entry["sha256"])} for entry in data
    ]


def _numbers(data: Any) -> dict[str, int]:
    return {name: int(size) for name, size in _mapping(data).items()}


def _ranges(data: Any) -> dict[str, Range]:
    return {name: read_range(entry) for name, entry in _mapping(data).items()}


def _plugins(data: Any) -> list[dict[str, Any]]:
    return [
        {
            **{key: str(entry[key]) for key in ("name", "package", "version")},
            **{key: _names(entry.get(key, [])) for key in ("operations", "blocks")},
        }
        for entry in data
    ]


def _constraints(data: Any) -> tuple[Constraint, ...]:
    return tuple(read_constraint(entry) for entry in data or ())


def _tensors(data: Any) -> tuple[TensorSpec, ...]:
    return read_tensors(_mapping(data))


def _quantized(data: Any) -> dict[str, Any] | None:
    if data is None:
        return None
    dict(data["calibration"], source=data["calibration"]["source"])
    stated_errors(data)
    return dict(data)


def stated_errors(quantized: Mapping[str, Any]) -> dict[str, float]:
    """By how much each output of an int8 file departs, as the file says; JSON has null for an infinity."""
    told = {each["output"]: each["relative_error"] for each in quantized["errors"]}
    return {name: math.inf if error is None else float(error) for name, error in told.items()}


VERSION = _text("version", "the format of the metadata, now 1")
GENERATOR = _text("generator", "the program that wrote the file, and its version")
PROFILE = _text("profile", "the export profile", "portable")
NAME = _text("name", "the network's name")
PRESET = _text("preset", "the preset of the spec; empty for none")
PARAMS = _json("params", "the spec's parameters, as they were resolved", _mapping, "{}")
SIZES = _json("sizes", "{symbol: number}, the sizes that were chosen at the export", _numbers, "{}")
SPEC = _json("spec", "the spec with its blocks", _anything, "null")
CONSTRAINTS = _json(
    "constraints",
    "[{symbol, modulus, residues, minimum, maximum, text, causes: [{reason, where, path}]}]",
    _constraints,
    "[]",
)
INPUTS = _json("inputs", "{name: {shape: [number or size], dtype: as in numpy}}", _tensors, None)
OUTPUTS = _json("outputs", "{name: {shape: [number or size], dtype: as in numpy}}", _tensors, None)
META = _json("meta", "the spec's own `meta`", _mapping, "{}")
BATCH = _json("batch", "the size of dimension 0, where batch elements are independent; else no entry", _name, '""')
RANGES = _json(
    "ranges",
    "{input: {minimum, maximum}}, the numbers that an index may be; a file without is older, and none is checked",
    _ranges,
    "{}",
)
FOLDED = _json("folded", "{path of a batch norm: path of the layer that it is folded into}", _mapping, "{}")
DTYPE = _text("dtype", "the element type of most of the work", "float32")
FLOAT32 = _json("float32", "[path], what stays in float32 in a file of another type", _names, "[]")
LAYOUT = _text("layout", "channels_first: of a file for CUDA that gains nothing from channels that come last")
TIME_BRANCH = _json(
    "time_branch", "{file, sha256, inputs, outputs}, the second file of an export in two", read_time_branch, "null"
)
TIME_BRANCH_OF = _text("time_branch_of", "of the second file of an export in two: the name of the first")
WEIGHTS = _json(
    "weights",
    "[{file, bytes, sha256}], the files that the weights were made of; no entry for weights from memory",
    _sources,
    "[]",
)
PLUGINS = _json(
    "plugins",
    "[{name, package, version, operations: [name], blocks: [name]}], the plugins that the network has some of; no entry"
    " for none",
    _plugins,
    "[]",
)
QUANTIZED = _json(
    "quantized",
    "{scheme, calibration, errors: [{output, relative_error, …}], …} of an int8 file",
    _quantized,
    "null",
)

ENTRIES: tuple[Entry[Any], ...] = (
    *(VERSION, GENERATOR, PROFILE, NAME, PRESET, PARAMS, SIZES, SPEC, CONSTRAINTS, INPUTS, OUTPUTS, META, BATCH),
    *(RANGES, FOLDED, DTYPE, FLOAT32, LAYOUT, TIME_BRANCH, TIME_BRANCH_OF, WEIGHTS, PLUGINS, QUANTIZED),
)
