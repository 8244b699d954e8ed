"""The networks of a pipeline's folder, as diffusers saves it: each is imported by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_file
from archgraph.errors import ImportingError
from archgraph.importing.api import Imported, loaded
from archgraph.importing.diffusers_schedulers import FILE, diffusion_of
from archgraph.importing.sources.saved_folders import NETWORK, pipeline_parts, saved_values

_DENOISERS = ("unet", "transformer", "prior")
"""What pipelines call the network that the scheduler samples."""
_SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class SavedPipeline:
    """What a folder holds: the folders of its networks, other parts with the reason why they are none, and how it is
    sampled."""

    networks: Mapping[str, Path]
    others: Mapping[str, str]
    diffusion: Mapping[str, Any] | None = None
    """The scheduler as `meta.diffusion` of the network that it samples."""
    sampled: str = ""
    """The name of that network."""


def saved_pipeline(folder: Path) -> SavedPipeline:
    """The pipeline of a folder; nothing is made yet. Raises ImportingError."""
    parts, others = pipeline_parts(folder)
    networks = {name: folder / name for name in parts}
    sampled = next((name for name in _DENOISERS if name in networks), "")
    if not sampled or not is_file(folder / _SCHEDULER / FILE):
        return SavedPipeline(networks, others)
    others = {name: reason for name, reason in others.items() if name != _SCHEDULER}
    try:
        found = diffusion_of(folder / _SCHEDULER, saved_values(folder / sampled / NETWORK))
    except ImportingError as error:
        return SavedPipeline(networks, {**others, _SCHEDULER: error.problems[0].message})
    return SavedPipeline(networks, others, found, sampled)


def with_diffusion(found: Imported, diffusion: Mapping[str, Any]) -> Imported:
    """An import whose spec says how the network is sampled. Raises ImportingError."""
    spec = {**found.spec, "meta": {**found.spec.get("meta", {}), "diffusion": dict(diffusion)}}
    return replace(found, spec=spec, graph=loaded(spec))
