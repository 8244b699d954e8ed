"""Who can be measured. To add one, add a `Contender`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from archgraph.artifact.metadata_keys import DTYPE, QUANTIZED
from archgraph.errors import InputError, nearest
from archgraph.export.options import ExportOptions
from archgraph.export.profiles import PROFILES
from archgraph.graph.cost import BYTES

Engine = Literal["torch", "onnx", "file"]
ALL_DEVICES = ("cpu", "cuda")


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to run a network.

    `form` is how torch runs it (`channels_last`, `compile`, `autocast`); `export` is how the file
    that ONNX Runtime runs is written, and `quantize` the scheme that it is quantised by after that. `precision`
    is the peak that it is held against, and `weight_bytes` what one weight takes in the file or the module.
    """

    name: str
    engine: Engine
    about: str
    form: Mapping[str, Any] = field(default_factory=dict)
    export: ExportOptions = field(default_factory=ExportOptions)
    quantize: str = ""
    devices: tuple[str, ...] = ALL_DEVICES
    precision: str = "float32"
    weight_bytes: int = 4


CONTENDERS = {
    item.name: item
    for item in (
        Contender("torch", "torch", "torch, eager"),
        Contender("torch_channels_last", "torch", "torch, eager, channels last", {"channels_last": True}),
        Contender("torch_compile", "torch", "torch.compile", {"compile": True}),
        Contender(
            "torch_bfloat16", "torch", "torch, autocast to bfloat16", {"autocast": "bfloat16"}, precision="bfloat16"
        ),
        Contender("onnx_portable", "onnx", "ONNX Runtime, standard operators"),
        Contender("onnx_cpu", "onnx", "ONNX Runtime, profile cpu", export=ExportOptions("cpu"), devices=("cpu",)),
        Contender(
            "onnx_int8",
            "onnx",
            "ONNX Runtime, int8",
            export=ExportOptions("cpu"),
            quantize="int8",
            devices=("cpu",),
            weight_bytes=1,
        ),
        Contender("onnx_cuda", "onnx", "ONNX Runtime, profile cuda", export=ExportOptions("cuda"), devices=("cuda",)),
        Contender(
            "onnx_float16",
            "onnx",
            "ONNX Runtime, float16",
            export=ExportOptions("cuda", dtype="float16"),
            devices=("cuda",),
            precision="float16",
            weight_bytes=2,
        ),
    )
}

FILE = Contender("onnx_file", "file", "ONNX Runtime on the file given")
"""Stands for the other files where a file is given."""


def with_file_precision(item: Contender, entries: Mapping[str, str]) -> Contender:
    """A contender that is a finished file, with the element type that its metadata name."""
    if QUANTIZED.key in entries:
        return replace(item, weight_bytes=CONTENDERS["onnx_int8"].weight_bytes)
    dtype = entries.get(DTYPE.key, item.precision)
    return replace(item, precision=dtype, weight_bytes=item.weight_bytes if dtype == item.precision else BYTES[dtype])


def chosen(names: Sequence[str] | None, *, of_file: bool) -> tuple[Contender, ...]:
    """The contenders of these names, in their order; all where none are named. Raises InputError."""
    known = {name: item for name, item in CONTENDERS.items() if not of_file or item.engine != "onnx"}
    if of_file:
        known[FILE.name] = FILE
    if names is None:
        return tuple(known.values())
    for name in names:
        if name not in known:
            raise InputError(
                f"there is no contender '{name}'" + (" for a finished file" if of_file and name in CONTENDERS else ""),
                expected=f"some of {', '.join(known)}",
                hint=nearest(name, known),
            )
    if not names or len(set(names)) < len(names):
        raise InputError("contenders are named once each", received=", ".join(names) or "none")
    return tuple(known[name] for name in names)


def unavailable(item: Contender, device: str) -> str:
    """Why a contender cannot run here; '' where it can."""
    if device not in item.devices:
        return f"not for the device {device}"
    if item.export.profile not in PROFILES:
        return f"this version has no export profile '{item.export.profile}'"
    return ""
