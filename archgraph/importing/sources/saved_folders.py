"""Folders that `save_pretrained` wrote: of one network of transformers or diffusers, or of a pipeline with several.

Light: it loads no framework.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_file
from archgraph.errors import ImportingError

NETWORK, PIPELINE = "config.json", "model_index.json"
"""What such a folder holds: the configuration of its network, or the table of its parts."""
_SIZES = 1 << 24
"""Bytes of the longest file of these that is read."""


def is_saved(text: str) -> bool:
    """Whether a text names a folder that holds a network or a pipeline."""
    return any(is_file(Path(text) / name) for name in (NETWORK, PIPELINE))


def is_pipeline(text: str) -> bool:
    """Whether a text names a folder that holds a pipeline."""
    return is_file(Path(text) / PIPELINE)


def saved_class(folder: Path) -> tuple[str, str]:
    """The library and the class of a network's folder. Raises ImportingError."""
    if is_pipeline(str(folder)):
        raise ImportingError(
            f"{folder} holds several networks, and one is asked for",
            expected=" or ".join(str(folder / name) for name in pipeline_parts(folder)[0]),
            hint=f"archgraph import {folder} writes a spec for each",
        )
    values = saved_values(folder / NETWORK)
    if isinstance(values.get("_class_name"), str):
        return "diffusers", values["_class_name"]
    named = values.get("architectures")
    if isinstance(named, list) and named and isinstance(named[0], str):
        return "transformers", named[0]
    raise ImportingError(
        f"{folder / NETWORK} names no class",
        expected="_class_name, as diffusers writes it, or architectures, as transformers does",
        hint=f"transformers:CLASS --config {folder / NETWORK}",
    )


def pipeline_parts(folder: Path) -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """The networks of a pipeline by name, as library and class, and its other parts with the reason why they are none.

    Raises ImportingError.
    """
    networks: dict[str, tuple[str, str]] = {}
    others: dict[str, str] = {}
    for name, value in saved_values(folder / PIPELINE).items():
        if name.startswith("_") or not (isinstance(value, list) and len(value) == 2 and all(value)):
            continue
        library, kind = map(str, value)
        if not name.isidentifier():  # what is written is called so: no other folder's files
            others[name] = f"{kind} stands under a name that is none of a part"
        elif not is_file(folder / name / NETWORK):
            others[name] = f"{kind} has no {NETWORK}, so it is no network"
        elif library in ("diffusers", "transformers"):
            networks[name] = library, kind
        else:
            others[name] = f"{kind} is a class of {library}, neither of diffusers nor of transformers"
    if not networks:
        parts = "; ".join(f"{name}: {reason}" for name, reason in others.items())
        raise ImportingError(f"{folder} holds no network", received=parts or "a pipeline without parts")
    return networks, others


def saved_values(file: Path) -> dict[str, Any]:
    """The values of one of their files. Raises ImportingError."""
    try:
        if file.stat().st_size > _SIZES:
            raise ImportingError(f"{file} cannot be read", received="more bytes than any configuration has")
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImportingError(f"{file} cannot be read", received=error.strerror or str(error)) from None
    except (ValueError, RecursionError) as error:
        raise ImportingError(f"{file} is no JSON", received=str(error)) from None
    if not isinstance(found, dict):
        raise ImportingError(f"{file} is no mapping", received=type(found).__name__)
    return found
