"""Example inputs to trace a module on: from a description by the user, or from what its library is known to read."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import torch

from archgraph.importing.sources.accepted_inputs import accepted, longer_first
from archgraph.importing.sources.forward_signature import require_named_inputs, required_inputs, unknown_inputs
from archgraph.importing.sources.input_descriptions import InputDescription, described
from archgraph.importing.sources.library_inputs import fixed_arguments, library_inputs, library_of, usual_sides
from archgraph.importing.sources.module_source import ModuleSource
from archgraph.importing.tracing.shape_runs import ShapeRuns

__all__ = ["InputDescription", "described", "descriptions", "examples", "required_inputs"]

BATCH = 2
"""torch takes a size of 1 for a fixed one."""
SIDES = ((128, 192), (64, 96), (224, 224), (256, 256), (299, 299), (384, 384), (240, 240), (32, 32))
"""Heights and widths to try, unequal ones first: a module that takes them says nothing of squares. At smaller ones the
last grid of many networks is a single place or window, which says nothing of others."""
_LATENT_SIDES = ((32, 48),)
_VIDEO_SIDES = ((16, 24),)
"""Attention over all places of a picture, or of all frames, needs the square of their number."""
_FRAMES = 4
_RANK_OF_VIDEOS = 5
_VIDEOS, _CLIP = "torchvision.models.video", 16
"""Networks of videos, and the frames of a clip that all of them take: MViT has positions for so many."""
_LENGTHS = (24, 16, 64)
_LONG = (2400, 3200)
"""Where a short input is less than one window."""
_SAMPLES = 2500
"""Of sound, in the dimension S."""


def descriptions(
    module: torch.nn.Module, source: ModuleSource | None, given: Mapping[str, InputDescription]
) -> Mapping[str, InputDescription]:
    """What the module reads: as the user says, or as its library does. Raises ImportingError with what it asks for."""
    required = required_inputs(module)
    if source is not None and source.library in ("timm", "torchvision") and len(required) == 1:
        known: Mapping[str, InputDescription] = {required[0]: _image(module)}
    else:
        known = library_inputs(module)
    if given:
        taken = {**_left_to_the_library(known, required, given), **given}
        require_named_inputs(module, taken)
        return taken
    if known and set(required) <= set(known):
        return known
    raise unknown_inputs(module, list(known))


def _left_to_the_library(
    known: Mapping[str, InputDescription], required: Sequence[str], given: Collection[str]
) -> Mapping[str, InputDescription]:
    """What a network of a library reads besides what the user names: what it cannot do without; where the user names
    nothing but what may be left out, as a mask, all that is known, but for what stands in the place of embeddings."""
    described = next(iter(known), "") in given
    return {
        name: one
        for name, one in known.items()
        if not {name, name.replace("input_ids", "inputs_embeds")} & {*given} and (name in required or not described)
    }


def _image(module: torch.nn.Module) -> InputDescription:
    config = getattr(module, "default_cfg", None) or {}
    channels = (config.get("input_size") or (3, 0, 0))[0]
    frames = (_CLIP,) if type(module).__module__.startswith(_VIDEOS) else ()
    return InputDescription(("N", channels, *frames, "H", "W"))


def examples(wanted: Mapping[str, InputDescription], runs: ShapeRuns) -> Iterator[dict[str, Any]]:
    """Inputs of several sizes, to be tried in this order, with the arguments that are no tensors.

    Of pictures those that the module takes; of sequences the longer ones first, where short ones are too short for it.
    """
    found = _sized_inputs(wanted, runs.module)
    pictures = any({"H", "W"} & set(one.names) for one in wanted.values())
    return accepted(runs, found) if pictures else longer_first(runs, found)


def _sized_inputs(wanted: Mapping[str, InputDescription], module: torch.nn.Module) -> Iterator[dict[str, Any]]:
    device = next((tensor.device for tensor in module.parameters()), torch.device("cpu"))
    fixed = {name: value for name, value in fixed_arguments(module).items() if name not in wanted}
    seen: set[tuple[tuple[str, int], ...]] = set()
    for numbers in _numbers(wanted, module):
        key = tuple(sorted(numbers.items()))
        if key not in seen:
            seen.add(key)
            yield {name: _tensor(one, numbers, device) for name, one in wanted.items()} | fixed


def _numbers(wanted: Mapping[str, InputDescription], module: torch.nn.Module) -> Iterator[dict[str, int]]:
    names = list(dict.fromkeys(name for one in wanted.values() for name in one.names))
    video = any("F" in one.names and len(one.sizes) == _RANK_OF_VIDEOS for one in wanted.values())
    frames = {"F": _FRAMES} if video else {}  # else F are frequencies
    others = [name for name in names if name not in ("N", "H", "W", "S", *frames)]
    sides = _sides(module, video)
    for lengths in (_LENGTHS, _LONG):
        chosen = {name: lengths[place % len(lengths)] for place, name in enumerate(others)}
        for height, width in sides:
            yield {
                name: {"N": BATCH, **frames, "H": height, "W": width, "S": _SAMPLES}.get(name, chosen.get(name, BATCH))
                for name in names
            }


def _sides(module: torch.nn.Module, video: bool) -> Sequence[tuple[int, int]]:
    """Heights and widths in the order in which they are tried."""
    library = library_of(module)
    if not library:
        return [*usual_sides(module), *SIDES]
    small = _VIDEO_SIDES if video else _LATENT_SIDES
    sides = [*small, *SIDES] if library == "diffusers" else [*SIDES]
    first, *more = sides
    return [first, *usual_sides(module), *more]


def _tensor(one: InputDescription, numbers: Mapping[str, int], device: torch.device) -> torch.Tensor:
    dtype = getattr(torch, one.dtype)
    if dtype.is_floating_point:
        return torch.randn(one.shape(numbers), dtype=dtype, device=device)
    return torch.ones(one.shape(numbers), dtype=dtype, device=device)
