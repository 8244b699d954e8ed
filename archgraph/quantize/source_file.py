"""The float file that is to be quantised: read whole, and refused where it is not one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.errors import ExportError, InputError, ModelFileError
from archgraph.runtime.filefaults import check_file
from archgraph.runtime.metadata import Metadata, read_metadata

KEY = "archgraph.quantized"
PROFILES = ("portable", "cpu")
FLOAT32 = 1
_MOST_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class FloatFile:
    """The model, what it says of itself, and its size with the weights beside it."""

    path: Path
    model: Any
    about: Metadata
    size: int


def entries_of(model: Any) -> dict[str, str]:
    """The metadata of a model."""
    return {entry.key: entry.value for entry in model.metadata_props}


def read_model(path: Path) -> Any:
    """The model in a file. Raises ModelFileError where it is none."""
    import onnx

    check_file(path)
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf has a class of its own for bytes that are no message
        raise ModelFileError(f"{path} is damaged, or not an ONNX file", received=str(error)) from None


def read_float_file(path: Path) -> FloatFile:
    """Raises ModelFileError for a foreign file, InputError for one that cannot be quantised for a CPU."""
    model = read_model(path)
    kept = entries_of(model)
    about = read_metadata(kept, str(path))
    if KEY in kept:
        raise InputError(f"{path} is quantised already", hint="quantise the float32 file")
    require_profile(kept.get("archgraph.profile", "portable"))
    outside = any(tensor.external_data for tensor in model.graph.initializer)
    if outside or model.ByteSize() >= _MOST_BYTES:
        raise ExportError(f"{path} is too large to quantise", expected="a model of less than 2 GB in one file")
    other = [tensor for tensor in model.graph.initializer if tensor.data_type in (10, 11, 16) and len(tensor.dims) > 1]
    if other:
        raise InputError(f"{path} is not in float32", received=f"'{other[0].name}' has another type")
    return FloatFile(path, model, about, path.stat().st_size)


def require_profile(name: str) -> None:
    """Raises InputError for a profile whose files run elsewhere than on a CPU."""
    if name not in PROFILES:
        raise InputError(
            "int8 is for the CPU", expected=f"the profile {' or '.join(PROFILES)}", received=f"the profile {name}"
        )
