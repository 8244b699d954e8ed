"""Where the weights at a path lie: one safetensors file, several that an index names, or a folder that holds either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_file, is_folder, not_a_file, not_weights, similar_file
from archgraph.errors import WeightsError

INDEX = ".safetensors.index.json"
LARGEST_INDEX = 50_000_000
PICKLE = "pickle:"
"""What stands before the path of a pickle that is to be read all the same."""
PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")


def safetensors_files(path: str | Path) -> list[Path]:
    """The files that hold the weights at a path, unread.

    Raises WeightsError: nothing there, a file of another kind, a pickle, an index that is damaged or leaves its folder.
    """
    found = located(path)
    if found.suffix.lower() in PICKLES:
        raise WeightsError(
            f"'{found}' is a pickle, and reading one can run code that it brings along",
            expected="a safetensors file",
            received=found.suffix,
            hint=f"convert it, or ask for it by name if you trust it: {PICKLE}{found}",
        )
    return _shards(found) if found.name.endswith(INDEX) else [found]


def located(path: str | Path) -> Path:
    """The file that a path means, which may be a folder with one safetensors file or one index. Raises WeightsError."""
    found = Path(path).expanduser()
    if is_folder(found):
        return _in_folder(found)
    if odd := not_a_file(found):
        raise WeightsError(f"'{found}' is {odd}, and no weights", expected="a safetensors file")
    if not is_file(found):
        raise WeightsError(f"there is no file '{found}'", hint=similar_file(found))
    if kind := not_weights(found):
        raise WeightsError(f"'{found}' is {kind}, and no weights", expected="a safetensors file")
    return found


def in_two_files(key: str, one: Path, other: Path) -> WeightsError:
    """That two of the files of an index hold a tensor of one name."""
    return WeightsError(f"'{key}' is in two files of the index", received=f"in {one.name} and in {other.name}")


def _in_folder(path: Path) -> Path:
    found = sorted(path.glob(f"*{INDEX}")) or sorted(path.glob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(item.name for item in found) or "none"
        raise WeightsError(f"'{path}' must hold one safetensors file or one index", received=names)
    return found[0]


def _shards(index: Path) -> list[Path]:
    """The files that an index names. Only names in its own folder are followed."""
    try:
        if index.stat().st_size > LARGEST_INDEX:
            raise ValueError("it is too large")
        places: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        names = sorted({str(name) for name in places.values()})
    except (OSError, ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"'{index}' is not an index of safetensors files",
            expected="a JSON object with a weight_map",
            received=str(error)[:200],
        ) from None
    for name in names:
        own = Path(name).name == name and "\\" not in name and name.endswith(".safetensors")
        if not own or not is_file(index.parent / name):
            raise WeightsError(
                f"the index '{index}' names a file that is not in its folder",
                expected="a safetensors file next to it",
                received=repr(name)[:200],
            )
    return [index.parent / name for name in names]
