"""Weights from files: strict, with everything that does not fit listed at once. Pickles are refused."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archgraph.artifact.file_kinds import is_file, is_folder, not_weights
from archgraph.artifact.given_tensors import require_tensors
from archgraph.errors import Problem, WeightsError, nearest

Weights = str | Path | Mapping[str, Any]

OPTIONAL = "num_batches_tracked"
"""Older checkpoints lack these counters; torch loads them all the same."""
PICKLE = "pickle:"
LARGEST_INDEX = 50_000_000
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_INDEX = ".safetensors.index.json"
_MOST_NAMES = 8


def load_weights(module: nn.Module, weights: Weights, ties: Mapping[str, str], device: torch.device | None) -> None:
    """Gives a module on the meta device its tensors. Raises WeightsError with all keys that do not fit."""
    tensors = _tensors_of(weights) if isinstance(weights, Mapping) else read_weights(weights)
    wanted = module.state_dict()
    for key, source in ties.items():
        if key not in tensors and source in tensors:
            tensors[key] = tensors[source]
        elif source not in tensors and key in tensors:
            tensors[source] = tensors[key]
    for key, tensor in wanted.items():
        if key.rpartition(".")[2] == OPTIONAL and key not in tensors:
            tensors[key] = torch.zeros(tensor.shape, dtype=tensor.dtype)
    _check(tensors, wanted)
    placed = {key: _placed(tensors[key], tensor, device) for key, tensor in wanted.items()}
    module.load_state_dict(placed, strict=True, assign=True)
    _tie(module, ties)
    _settle(module, device)


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
    asked = text.startswith(PICKLE)
    path = Path(text.removeprefix(PICKLE)).expanduser()
    if is_folder(path):
        path = _in_folder(path)
    if not is_file(path):
        raise WeightsError(f"there is no file '{path}'", expected="a safetensors file", received=text)
    if kind := not_weights(path):
        raise WeightsError(f"'{path}' is {kind}, and no weights", expected="a safetensors file")
    if asked:
        return _read_pickle(path)
    if path.name.endswith(_INDEX):
        return _read_index(path)
    if path.suffix.lower() in _PICKLES:
        raise WeightsError(
            f"'{path.name}' is a pickle, and reading one can run code that it brings along",
            expected="a safetensors file",
            received=path.suffix,
            hint=f"convert it, or ask for it by name if you trust it: {PICKLE}{path}",
        )
    return _read_safetensors(path)


def _in_folder(path: Path) -> Path:
    found = sorted(path.glob(f"*{_INDEX}")) or sorted(path.glob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise WeightsError(f"'{path}' must hold one safetensors file or one index", received=names)
    return found[0]


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


def _read_index(path: Path) -> dict[str, Tensor]:
    """The tensors of all shards that an index names, which are in its folder."""
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise ValueError("it is too large")
        places: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(name) for name in places.values()})
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"'{path}' is not an index of safetensors files", received=str(error)[:200]) from None
    tensors: dict[str, Tensor] = {}
    for name in names:
        shard = path.parent / name
        if Path(name).name != name or not is_file(shard):
            raise WeightsError(f"the index '{path.name}' names a file that is not in its folder", received=name[:200])
        found = _read_safetensors(shard)
        if twice := sorted(tensors.keys() & found.keys()):
            raise WeightsError(f"'{twice[0]}' is in two of the files that '{path.name}' names", received=name[:200])
        tensors.update(found)
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
