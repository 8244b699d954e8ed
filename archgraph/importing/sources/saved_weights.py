"""Networks of transformers and diffusers from a folder, read by these libraries, and held to have all their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from archgraph.errors import ImportingError

_MOST_NAMED = 5


def with_saved_weights(made: Any, library: str, folder: Path, arguments: Mapping[str, Any]) -> torch.nn.Module:
    """What `made.from_pretrained` reads from a folder, in float32.

    Nothing is downloaded. `arguments` are its own, such as `variant`. Raises ImportingError where the library does not
    read it, and where a tensor of the network is not in the files, which the library would draw at random.
    """
    if not hasattr(made, "from_pretrained"):
        raise ImportingError(
            f"{getattr(made, '__name__', made)} reads no folder", expected="a class with from_pretrained"
        )
    asked = {"low_cpu_mem_usage": False} if library == "diffusers" else {}  # or it asks for another package
    try:
        module, report = made.from_pretrained(
            folder, local_files_only=True, output_loading_info=True, **{**asked, **arguments}
        )
    except Exception as error:
        first = str(error).strip().replace("\n\t", "\n").split("\n")
        said = next((line for line in first if not line.startswith("Error(s) in loading")), first[0])
        raise ImportingError(f"{library} cannot read {folder}", received=f"{type(error).__name__}: {said}") from error
    lacking = sorted(map(_key, [*report.get("missing_keys", ()), *report.get("mismatched_keys", ())]))
    if lacking:
        more = f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
        raise ImportingError(
            f"the files in {folder} do not fit {type(module).__name__}",
            received=f"no tensor of this shape for {', '.join(lacking[:_MOST_NAMED])}{more}",
        )
    float32: torch.nn.Module = module.float()
    return float32.eval()


def _key(entry: Any) -> str:
    """A key that is missing, or the first of an entry of a tensor with another shape."""
    return str(entry[0] if isinstance(entry, tuple) else entry)
