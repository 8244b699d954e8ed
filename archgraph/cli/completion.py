"""Completion for shells: names of models, presets, operations and files. Nothing heavy is imported."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from archgraph.artifact.file_names import CERTIFICATE

READ = (".yaml", ".yml", ".json", ".onnx")


def specs(incomplete: str) -> list[str]:
    """Shipped models, presets, `model@preset`, and files."""
    from archgraph.language.library import read_spec, shipped_names, shipped_specs

    name, at, _ = incomplete.partition("@")
    if not at:
        return [*_starting(shipped_names(), incomplete), *files(incomplete)]
    path = shipped_specs() / f"{name}.yaml"
    if not path.is_file() and Path(name).is_file():
        path = Path(name)
    presets = read_spec(path).block.presets if path.is_file() else ()
    return list(_starting((f"{name}@{preset}" for preset in presets), incomplete))


def files(incomplete: str) -> list[str]:
    """Specs and exported files, and the folders on the way to them."""
    folder, _, start = incomplete.rpartition("/")
    place = Path(f"{folder}/" if incomplete.startswith("/") or folder else ".")
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except OSError:
        return []
    found = []
    for entry in entries:
        if entry.name.startswith(start) and not (entry.name.startswith(".") and not start):
            whole = f"{folder}/{entry.name}" if "/" in incomplete else entry.name
            if entry.is_dir():
                found.append(f"{whole}/")
            elif entry.name.endswith(READ) and not entry.name.endswith(CERTIFICATE):
                found.append(whole)
    return found


def operations(incomplete: str) -> list[str]:
    """The operations."""
    from archgraph.ops.contract import REGISTRY

    return list(_starting(sorted(REGISTRY), incomplete))


def blocks(incomplete: str) -> list[str]:
    """The standard blocks."""
    from archgraph.language.library import standard_blocks

    return list(_starting(standard_blocks(), incomplete))


def plugins(incomplete: str) -> list[str]:
    """The installed plugins."""
    from archgraph.plugins.installed import installed

    return list(_starting(installed(), incomplete))


def models(incomplete: str) -> list[str]:
    """The shipped models and presets."""
    from archgraph.language.library import shipped_names

    return list(_starting(shipped_names(), incomplete))


def devices(incomplete: str) -> list[str]:
    """Where a file may run."""
    return list(_starting(("auto", "cpu", "cuda", "tensorrt"), incomplete))


def samplers(incomplete: str) -> list[str]:
    """The samplers."""
    from archgraph.diffusion.samplers import SAMPLERS

    return list(_starting(sorted(SAMPLERS), incomplete))


def _starting(names: Iterable[str], incomplete: str) -> Iterator[str]:
    return (name for name in names if name.startswith(incomplete))
