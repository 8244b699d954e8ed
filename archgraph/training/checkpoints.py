"""Where a run goes on, and whether a checkpoint is one of the same network, pictures and recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from archgraph.errors import ArchgraphError, Problem, TrainingError
from archgraph.graph.diff import diff
from archgraph.graph.types import Graph
from archgraph.language.load import load
from archgraph.training.lightning_import import process_rank
from archgraph.training.run_folder import RunFolder, resolved

HARMLESS = (
    *("steps", "check_every", "save_every", "log_every", "memory", "guidance", "compile"),
    *("patience", "keep", "labels"),
)
"""What of a recipe may change without making another run of it."""
FIXED = {
    "pictures": "other pictures",
    "seed": "another seed",
    "processes": "another number of processes",
    "diffusion": "another diffusion",
    "loss": "another loss",
}
"""What a run cannot change at all."""
OWN_LOSS = "the loss of meta.task"
GROUPS = ("freeze", "rates")
"""What of a recipe decides which weights the optimiser has a state for."""
MOST_LINES = 12


@dataclass(frozen=True)
class ResumePoint:
    """A checkpoint to go on from, or none; `notes` say what will be different from here on."""

    path: Path | None = None
    step: int = 0
    notes: tuple[str, ...] = ()


def start_of(place: RunFolder, graph: Graph, claims: Mapping[str, Any], resume: bool) -> ResumePoint:
    """Where a run begins in its folder. Raises TrainingError where it would overwrite what another has left."""
    newest = place.newest_checkpoint()
    if newest is not None and resume:
        return start_from(newest, graph, claims)
    if process_rank():  # the other processes start later, and may find checkpoints of this run
        return ResumePoint()
    if newest is not None:
        raise TrainingError(
            f"{place.path} holds a run already", received=newest.name, hint="--resume goes on with it; -o names another"
        )
    _require_free(place, resume)
    return ResumePoint(notes=(f"{place.path} has no checkpoint to go on from: the run begins anew",) if resume else ())


def _require_free(place: RunFolder, resume: bool) -> None:
    if weights := place.weights():
        raise TrainingError(
            f"{place.path} holds weights, which a new run would overwrite",
            expected="a checkpoint to go on from, or another folder" if resume else "a folder without weights",
            received=", ".join(path.name for path in weights) + " and no checkpoint",
            hint=f"-o names another folder; with --weights {weights[0]} the run there begins with these",
        )
    if place.holds_foreign_spec():
        raise TrainingError(
            f"{place.spec} was written by no run, and a run would overwrite it", hint="-o names another folder"
        )


def start_from(path: Path, graph: Graph, claims: Mapping[str, Any]) -> ResumePoint:
    """Looks at a checkpoint. Raises TrainingError where it is damaged, or of another network or other pictures."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        stored, step = checkpoint["archgraph"], int(checkpoint["global_step"])
    except Exception as error:  # whatever a damaged file makes torch raise
        reason = str(error).splitlines()[0][:200]
        raise TrainingError(f"the checkpoint {path} cannot be read", received=reason) from None
    _require_network(path, graph, stored)
    _require_same(path, stored, claims)
    return ResumePoint(path, step, tuple(_notes(stored["recipe"], claims["recipe"])))


def _require_network(path: Path, graph: Graph, stored: Mapping[str, Any]) -> None:
    if stored["spec"] == resolved(graph):
        return
    try:
        lines = diff(load(stored["spec"], standalone=True), graph).text().splitlines()
    except ArchgraphError as error:  # a spec that this archgraph does not understand
        lines = str(error).splitlines()
    if lines:
        more = [(f"and {len(lines) - MOST_LINES} more", None)] if len(lines) > MOST_LINES else []
        raise TrainingError(
            Problem(
                f"the checkpoint {path} is one of another network",
                hint="train into another folder with -o, or give the spec and the settings that it was made with",
                notes=(*((line, None) for line in lines[:MOST_LINES]), *more),
            )
        )


def _require_same(path: Path, stored: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    problems = [
        Problem(
            f"the checkpoint {path} was made with {words}",
            expected=str(stored.get(name, OWN_LOSS)),
            received=str(claims.get(name, OWN_LOSS)),
        )
        for name, words in FIXED.items()
        if stored.get(name) != claims.get(name)
    ]
    before, now = ({key: from_.get(key) or None for key in GROUPS} for from_ in (stored["recipe"], claims["recipe"]))
    problems += [
        Problem(
            f"the checkpoint {path} was made with another train.{key}",
            expected=str(before[key] or "nothing"),
            received=str(now[key] or "nothing"),
            hint="a new run begins with its weights: -o names another folder, --weights the weights in this one",
        )
        for key in GROUPS
        if before[key] != now[key]
    ]
    if problems:
        raise TrainingError(*problems)


def _notes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for name, value in now.items():
        was = before.get(name, value)  # an older checkpoint knows fewer keys
        if was != value and name not in (*HARMLESS, *GROUPS):
            yield f"train.{name} was {was} until the checkpoint and is {value} from here on"
