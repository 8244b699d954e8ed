"""Weights from files: strict, with everything that does not fit listed at once. Pickles are refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.artifact.given_tensors import require_tensors
from archgraph.artifact.weight_files import PICKLE, in_two_files, located, safetensors_files, two_values
from archgraph.errors import Problem, WeightsError, nearest

Weights = str | Path | Mapping[str, Any]

OPTIONAL = "num_batches_tracked"
"""Older checkpoints lack these counters; torch loads them all the same."""
_MOST_NAMES = 8


def load_weights(module: nn.Module, weights: Weights, ties: Mapping[str, str], device: torch.device | None) -> None:
    """Gives a module on the meta device its tensors. Raises WeightsError with all keys that do not fit."""
    tensors = fitting_tensors(module, weights, ties)
    placed = {key: _placed(tensors[key], tensor, device) for key, tensor in module.state_dict().items()}
    module.load_state_dict(placed, strict=True, assign=True)
    _tie(module, ties)
    _settle(module, device)


def fitting_tensors(module: nn.Module, weights: Weights, ties: Mapping[str, str]) -> dict[str, Tensor]:
    """A tensor for each key of a module. Raises WeightsError with all keys that do not fit."""
    tensors = _tensors_of(weights) if isinstance(weights, Mapping) else read_weights(weights)
    wanted = module.state_dict()
    _require_equal(tensors, ties)
    for key, source in ties.items():
        if key not in tensors and source in tensors:
            tensors[key] = tensors[source]
        elif source not in tensors and key in tensors:
            tensors[source] = tensors[key]
    for key, tensor in wanted.items():
        if key.rpartition(".")[2] == OPTIONAL and key not in tensors:
            tensors[key] = torch.zeros(tensor.shape, dtype=tensor.dtype)
    _check(tensors, wanted)
    return tensors


def _require_equal(tensors: Mapping[str, Tensor], ties: Mapping[str, str]) -> None:
    """Raises WeightsError for two weights that the network shares and that have two values."""
    for key, source in ties.items():
        if key in tensors and source in tensors and not _equal(tensors[key], tensors[source]):
            raise two_values(key, source)


def _equal(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors hold the same numbers; what has another shape is reported as such."""
    if one is other or one.shape != other.shape:
        return True
    a, b = (tensor.float() if tensor.is_floating_point() else tensor for tensor in (one, other))
    return bool(((a == b) | ((a != a) & (b != b))).all())


def _tensors_of(given: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a mapping, also of one that holds arrays. Raises WeightsError."""
    require_tensors(given)
    return {key: value if isinstance(value, Tensor) else torch.tensor(value) for key, value in given.items()}


def _placed(tensor: Tensor, like: Tensor, device: torch.device | None) -> Tensor:
    """The tensor in the type and on the device that the module shall have; never the caller's own memory."""
    moved = tensor.detach().to(device=device or "cpu", dtype=like.dtype)
    return moved.clone() if moved.data_ptr() == tensor.data_ptr() and moved.numel() else moved


def _tie(module: nn.Module, ties: Mapping[str, str]) -> None:
    for key, source in ties.items():
        owner, _, name = source.rpartition(".")
        shared = getattr(module.get_submodule(owner), name)
        owner, _, name = key.rpartition(".")
        setattr(module.get_submodule(owner), name, shared)


def _settle(module: nn.Module, device: torch.device | None) -> None:
    """Buffers that no file holds, such as the empty one that carries a module's element type, leave the meta device."""
    for part in module.modules():
        for name, buffer in part.named_buffers(recurse=False):
            if buffer.is_meta:
                setattr(part, name, torch.zeros_like(buffer, device=device or "cpu"))


# -- reading -----------------------------------------------------------------------------------------------------------


def read_weights(source: str | Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, of several with an index, of a folder that holds either, or of a pickle that
    is asked for as `pickle:PATH`.

    Raises WeightsError where there is none, where it is damaged, and for a pickle that was not asked for.
    """
    text = str(source)
    if text.startswith(PICKLE):
        return _read_pickle(located(text.removeprefix(PICKLE)))
    return _read_all(safetensors_files(source))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"'{path}' is not a whole safetensors file", received=str(error)[:200]) from None


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged or hostile pickle raises
        raise WeightsError(f"'{path}' cannot be read as weights", received=str(error).splitlines()[0][:200]) from None
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(f"'{path}' holds no state dict", expected="tensors by name", received=type(found).__name__)
    return {str(key): value for key, value in found.items()}


def _read_all(files: Iterable[Path]) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    places: dict[str, Path] = {}
    for file in files:
        found = _read_safetensors(file)
        if twice := sorted(tensors.keys() & found.keys()):
            raise in_two_files(twice[0], places[twice[0]], file)
        tensors.update(found)
        places.update(dict.fromkeys(found, file))
    return tensors


# -- checking ----------------------------------------------------------------------------------------------------------


def _check(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    missing = [key for key in wanted if key not in given]
    unexpected = [key for key in given if key not in wanted]
    misshapen = [key for key in wanted if key in given and given[key].shape != wanted[key].shape]
    problems = []
    # Where no name fits, a similar one is an accident.
    strange = not any(key in wanted for key in given if key.rpartition(".")[2] != OPTIONAL)
    if missing:
        hint = "the file holds the weights of another network" if strange and given else nearest(missing[0], unexpected)
        problems.append(
            Problem(_listed_by_module("missing", missing), expected="every weight of the network", hint=hint)
        )
    if unexpected:
        hint = "" if strange else nearest(unexpected[0], missing)
        problems.append(
            Problem(_listed_by_module("unexpected", unexpected), expected="no weight that it lacks", hint=hint)
        )
    if misshapen:
        shapes = {key: (tuple(wanted[key].shape), tuple(given[key].shape)) for key in misshapen}
        problems.append(
            Problem(
                _listed_by_module("misshapen", misshapen),
                expected=_listed(f"{key} {want}" for key, (want, _) in shapes.items()),
                received=_listed(f"{key} {have}" for key, (_, have) in shapes.items()),
            )
        )
    mistyped = [key for key in wanted if key in given and _is_fraction(given[key]) != _is_fraction(wanted[key])]
    if mistyped:
        problems.append(
            Problem(
                _listed_by_module("of the wrong element type", mistyped),
                expected=_listed(f"{key} {_typed(wanted[key])}" for key in mistyped),
                received=_listed(f"{key} {_typed(given[key])}" for key in mistyped),
            )
        )
    if problems:
        raise WeightsError(*problems)


def _is_fraction(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


def _typed(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _listed_by_module(what: str, keys: list[str]) -> str:
    """How many keys, and which, grouped by module."""
    groups: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        owner, _, name = key.rpartition(".")
        groups[owner].append(name)
    shown = [
        f"{owner}.{{{', '.join(names)}}}" if len(names) > 1 else f"{owner}.{names[0]}".lstrip(".")
        for owner, names in groups.items()
    ]
    return f"{len(keys)} weight{'s are' if len(keys) > 1 else ' is'} {what}: {_listed(shown)}"


def _listed(items: Iterable[str]) -> str:
    found = list(items)
    rest = f", and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + rest
