"""What was shown about a file, stored next to it."""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from archgraph import __version__
from archgraph.artifact.atomic_files import write_whole
from archgraph.artifact.digests import file_digest, text_digest
from archgraph.artifact.file_kinds import is_time_branch
from archgraph.artifact.file_names import certificate_of, time_branch_of
from archgraph.errors import Problem, VerificationError
from archgraph.export.serialization.weights import not_finite_warning
from archgraph.graph.types import Graph
from archgraph.verify.tolerance import LARGEST_FACTOR, LARGEST_FLOOR, MEAN_FACTOR, MEAN_FLOOR, Measured
from archgraph.verify.trajectory import Trajectory

COVERS = "finite inputs; -inf in a mask of attention"
"""What is shown: ONNX Runtime's maxima drop nan that torch keeps, and its limits clip infinities."""
_LIBRARIES = ("torch", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Certificate:
    """The file and the spec by their digests, what was compared, and every error with its bound."""

    file: str
    sha256: str
    spec_sha256: str
    title: str
    versions: Mapping[str, str]
    weights: int
    folded: Mapping[str, str]
    measured: tuple[Measured, ...]
    problems: tuple[Problem, ...] = ()
    data_sha256: str = ""
    """Of the weights that lie next to a large model."""
    dtype: str = "float32"
    """Of most of the work; torch's error, which the bounds are multiples of, is that of the module in this type."""
    defined: tuple[str, ...] = ()
    """Operators without a kernel on the CPU, which were run by their definitions."""
    branch: Mapping[str, str] = field(default_factory=dict)
    """The files of the time branch, where it is apart, and their digests."""
    trajectory: Trajectory | None = None
    """A run of the sampler step by step, of a diffusion network."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """What each input held in the trials."""
    not_finite: tuple[str, ...] = ()
    """Weights that hold what is no number, or an infinity: the file has them as the network has."""

    @property
    def equal(self) -> bool:
        """Whether the file computes what the network computes."""
        there = not self.problems and bool(self.measured) and all(item.ok for item in self.measured)
        return there and (self.trajectory is None or self.trajectory.departure is None)

    @property
    def share(self) -> float:
        """The largest part of a bound that was used: 1 is the limit."""
        return max((item.share for item in self.measured), default=0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data. It holds no date and no folder: the same file gives the same certificate."""
        return {
            "certificate": 1,
            "file": self.file,
            "sha256": self.sha256,
            **({"data_sha256": self.data_sha256} if self.data_sha256 else {}),
            **({"time_branch": dict(self.branch)} if self.branch else {}),
            "equal": self.equal,
            "network": self.title,
            "spec_sha256": self.spec_sha256,
            "versions": dict(self.versions),
            "bound": {
                "root mean square error": f"{MEAN_FACTOR:g} × torch's or the reach + {MEAN_FLOOR:g} × the output's",
                "largest error": f"{LARGEST_FACTOR:g} × torch's or the reach + {LARGEST_FLOOR:g} × its largest",
                "against": "the torch module in float64",
            },
            **({"dtype": self.dtype} if self.dtype != "float32" else {}),
            "weights_compared": self.weights,
            **({"weights_not_finite": list(self.not_finite)} if self.not_finite else {}),
            "inputs": dict(self.inputs),
            "covers": COVERS,
            "folded": dict(self.folded),
            **({"run_by_definition": list(self.defined)} if self.defined else {}),
            "measured": [item.to_json() for item in self.measured],
            **({"trajectory": self.trajectory.to_json()} if self.trajectory else {}),
            "problems": [str(problem) for problem in self.problems],
        }

    def data(self) -> bytes:
        """What its file holds."""
        return certificate_data(self.to_json())

    def write(self, path: Path) -> Path:
        """Stores it next to the file. Raises VerificationError where that is not possible."""
        target = certificate_of(path)
        try:
            write_whole(target, self.data())
        except OSError as error:
            raise VerificationError(f"{target} cannot be written: {error.strerror or error}") from None
        return target

    def text(self) -> str:
        """One line for people."""
        sizes = [" ".join(f"{name}={size}" for name, size in item.run.sizes.items()) for item in self.measured]
        shown = ", ".join(filter(None, dict.fromkeys(sizes))) or "its only sizes"
        # In a low type the error to tell is that of the file as it is, not that of its operators before rounding.
        rounded = [item for item in self.measured if not item.run.weights.startswith("unrounded")]
        worst = max(rounded or self.measured, key=lambda item: item.share).errors
        said = f"; on the CPU, {' and '.join(self.defined)} by definition" if self.defined else ""
        run = f"\n{self.trajectory.text()}" if self.trajectory else ""
        warning = not_finite_warning(self.not_finite)
        run += f"\n{warning}" if warning else ""
        return (
            f"verified: {self.weights} weights equal, outputs within {self.share:.0%} of the bound at {shown} "
            f"(error {worst.mean:.1e}, torch's own {worst.torch_mean:.1e}){said}{run}"
        )


def certificate_data(facts: Mapping[str, Any]) -> bytes:
    """The bytes of a certificate's file."""
    return (json.dumps(facts, indent=2, ensure_ascii=False) + "\n").encode()


def data_digest(path: Path) -> str:
    """The SHA-256 of the weights next to a model; nothing where all are in the model. Of several files, that of their
    digests."""
    found = [file_digest(data) for data in data_files(path) if data.is_file()]
    return found[0] if len(found) == 1 else text_digest("".join(found)) if found else ""


def data_files(path: Path) -> tuple[Path, ...]:
    """The files that a model names as its external data, in the order of their names."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    from archgraph.verify.weight_comparison import read_model

    tensors = read_model(path).graph.initializer
    names = {ExternalDataInfo(tensor).location for tensor in tensors if uses_external_data(tensor)}
    return tuple(path.parent / name for name in sorted(names))


def branch_digests(path: Path) -> dict[str, str]:
    """The SHA-256 of the files of a model's time branch, by name; none where the model is one file."""
    branch = time_branch_of(path)
    if not is_time_branch(branch, path.name):
        return {}
    return {file.name: file_digest(file) for file in (branch, *data_files(branch)) if file.is_file()}


def read_certificate(path: Path) -> dict[str, Any] | None:
    """What is stored next to a file; None where nothing is. Raises VerificationError where it is damaged."""
    stored = certificate_of(path)
    try:
        found = json.loads(stored.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("time_branch", {}), dict):
        raise VerificationError(f"{stored} is no certificate", hint="remove it, or export the file again")
    return found


def spec_digest(graph: Graph) -> str:
    """The SHA-256 of the spec and its resolved parameters."""
    text = json.dumps([graph.info.spec, dict(graph.info.params)], sort_keys=True, default=str)
    return text_digest(text)


def versions() -> dict[str, str]:
    """Versions of what took part."""
    return {"archgraph": __version__, "python": platform.python_version(), **_library_versions()}


@functools.cache  # each is parsed from its package's metadata, which takes a third of a small network's proof
def _library_versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
