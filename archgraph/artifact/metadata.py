"""The metadata of an exported file, read from the entries that `metadata_keys` lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from archgraph.artifact import metadata_keys as keys
from archgraph.artifact.onnx_metadata import producer
from archgraph.artifact.tensor_specs import TensorSpec, TimeBranchEntry
from archgraph.dims import Constraint
from archgraph.errors import ModelFileError


@dataclass(frozen=True, slots=True)
class Metadata:
    """All of the metadata. `spec`, `params`, `preset` say where the network came from; `meta` is the spec's own."""

    name: str
    generator: str
    preset: str
    spec: Any
    params: Mapping[str, Any]
    constraints: tuple[Constraint, ...]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    meta: Mapping[str, Any]
    time_branch: TimeBranchEntry | None = None
    time_branch_of: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Symbols of the spec that the file has numbers for."""
    plugins: tuple[Mapping[str, Any], ...] = ()
    """The plugins whose operations and blocks the network has: name, package, version and which."""
    batch: str = ""
    """The size of dimension 0, where batch elements are independent; '' where the file does not state it."""

    @property
    def network_inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs of the network: times and labels in the place of the features that a time branch makes of them."""
        if self.time_branch is None:
            return self.inputs
        made = {spec.name for spec in self.time_branch.outputs}
        own = {spec.name: spec for spec in self.inputs if spec.name not in made}
        return tuple((own | {spec.name: spec for spec in self.time_branch.inputs}).values())


def read_metadata(entries: Mapping[str, str], file: str) -> Metadata:
    """The metadata of a file. Raises ModelFileError where archgraph did not write it, or where it is damaged."""
    _check_format(entries, file)
    sizes, ranges = keys.SIZES.of(entries, file), keys.RANGES.of(entries, file)

    def chosen(specs: Iterable[TensorSpec]) -> tuple[TensorSpec, ...]:
        return tuple(replace(spec, chosen=sizes, range=ranges.get(spec.name)) for spec in specs)

    branch = keys.TIME_BRANCH.of(entries, file)
    return Metadata(
        name=keys.NAME.of(entries),
        generator=keys.GENERATOR.of(entries),
        preset=keys.PRESET.of(entries),
        spec=keys.SPEC.of(entries, file),
        params=keys.PARAMS.of(entries, file),
        constraints=keys.CONSTRAINTS.of(entries, file),
        inputs=chosen(keys.INPUTS.of(entries, file)),
        outputs=keys.OUTPUTS.of(entries, file),
        meta=keys.META.of(entries, file),
        time_branch=None if branch is None else replace(branch, inputs=chosen(branch.inputs)),
        time_branch_of=keys.TIME_BRANCH_OF.of(entries),
        sizes=sizes,
        plugins=tuple(keys.PLUGINS.of(entries, file)),
        batch=keys.BATCH.of(entries, file),
    )


def _check_format(entries: Mapping[str, str], file: str) -> None:
    version = entries.get(keys.VERSION.key)
    if version is None:
        raise ModelFileError(
            f"{file} was not written by archgraph",
            expected="an ONNX file that carries archgraph's metadata",
            received=_foreign(entries, file),
            hint="write it with `archgraph export SPEC -o FILE.onnx`; other ONNX files run in onnxruntime itself",
        )
    if version != keys.FORMAT:
        raise ModelFileError(
            f"{file} is written in a format that this archgraph does not know",
            expected=f"format {keys.FORMAT}",
            received=f"format {version}, written by {keys.GENERATOR.of(entries) or 'an unknown program'}",
            hint="export it again, or use the version of archgraph that wrote it",
        )


def _foreign(entries: Mapping[str, str], file: str) -> str:
    """What a file is that others wrote."""
    by = producer(Path(file))
    notes = f"metadata: {', '.join(sorted(entries)) or 'none'}"
    return f"an ONNX file by {by}; {notes}" if by else notes
