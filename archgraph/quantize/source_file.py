"""The float file that is to be quantised: read whole, and refused where it is not one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from archgraph.artifact.file_kinds import is_time_branch, same_file
from archgraph.artifact.file_names import time_branch_of
from archgraph.artifact.metadata import Metadata, read_metadata
from archgraph.artifact.metadata_check import entries_of
from archgraph.artifact.metadata_keys import PROFILE, QUANTIZED
from archgraph.errors import ExportError, InputError, ModelFileError
from archgraph.quantize.calibration import Calibration
from archgraph.runtime.file_errors import check_file
from archgraph.runtime.time_branch import TimeBranch

PROFILES = ("portable", "cpu")
_MOST_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class FloatFile:
    """The model, its metadata and its size, with its time branch where it has one.

    The inputs that `about` names are the network's; `taken` are the model's, and `aside` is the model of the branch.
    """

    path: Path
    model: Any
    about: Metadata
    size: int
    taken: tuple[str, ...]
    branch: TimeBranch | None = None
    aside: Any = None

    def model_feeds(self, data: Calibration) -> Calibration:
        """Rows of the network's inputs as rows of the model's: features for times and labels. Raises RunError."""
        if self.branch is None:
            return data
        whole: dict[str, NDArray[Any]] = {**data.feeds, **self.branch.features(data.feeds)}
        return replace(data, feeds={name: whole[name] for name in self.taken})

    @property
    def features(self) -> frozenset[str]:
        """The inputs of the model that a time branch makes."""
        return frozenset() if self.branch is None else frozenset(spec.name for spec in self.branch.entry.outputs)


def read_model(path: Path) -> Any:
    """The model in a file. Raises ModelFileError where it is none."""
    import onnx

    check_file(path)
    try:
        return onnx.load(str(path), load_external_data=False)
    except Exception as error:  # protobuf has a class of its own for bytes that are no message
        raise ModelFileError(f"{path} is damaged, or not an ONNX file", received=str(error)) from None


def require_other(file: Path, path: Path) -> None:
    """Raises InputError where an int8 file would take the place of the file that it is made of, or of its time branch:
    under the same name, another spelling of it, or a link."""
    branch = time_branch_of(file)
    for read in (file, *([branch] if is_time_branch(branch, file.name) else [])):
        if same_file(read, path):
            raise InputError(
                f"{path} is read for the int8 file, which would overwrite it",
                expected="the name of another file",
                hint=f"for example {file.with_name(f'{file.stem}-int8{file.suffix}')}",
            )


def read_float_file(path: Path) -> FloatFile:
    """Raises ModelFileError for a foreign file, InputError for one that cannot be quantised for a CPU,
    ExportError for one that is too large."""
    model = read_model(path)
    kept = entries_of(model)
    about = read_metadata(kept, str(path))
    if QUANTIZED.key in kept:
        raise InputError(f"{path} is quantised already", hint="quantise the float32 file")
    if about.time_branch_of:
        raise InputError(
            f"{path} is the time branch of {about.time_branch_of}, and stays in float32",
            hint=f"quantise the main file: {about.time_branch_of}",
        )
    require_profile(PROFILE.of(kept))
    branch = None if about.time_branch is None else TimeBranch(path, about.time_branch)
    aside = None if branch is None else read_model(branch.path)
    _require_small(path, model)
    if branch is not None:
        _require_small(branch.path, aside)
    other = [tensor for tensor in model.graph.initializer if tensor.data_type in (10, 11, 16) and len(tensor.dims) > 1]
    if other:
        raise InputError(f"{path} is not in float32", received=f"'{other[0].name}' has another type")
    size = sum(file.stat().st_size for file in (path, *([branch.path] if branch else [])))
    taken = tuple(spec.name for spec in about.inputs)
    return FloatFile(path, model, replace(about, inputs=about.network_inputs), size, taken, branch, aside)


def _require_small(path: Path, model: Any) -> None:
    """Raises ExportError for a model with external data, and for one that is too large to be read as a whole."""
    outside = any(tensor.external_data for tensor in model.graph.initializer)
    if outside or model.ByteSize() >= _MOST_BYTES:
        raise ExportError(f"{path} is too large to quantise", expected="a model of less than 2 GB in one file")


def require_profile(name: str) -> None:
    """Raises InputError for a profile whose files run elsewhere than on a CPU."""
    if name not in PROFILES:
        raise InputError(
            "int8 is for the CPU", expected=f"the profile {' or '.join(PROFILES)}", received=f"the profile {name}"
        )
