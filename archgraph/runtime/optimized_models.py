"""Files as ONNX Runtime has optimised them for this processor, kept on disk so that they open faster the next time.

A file's entry has a key made of all that the optimised graph depends on, and holds the graph, its weights (which are
mapped, not read) and a digest of each. What is damaged, stale or not there is made anew from the file itself, and where
nothing can be kept the file is opened without: the cache never decides whether a file runs, nor what comes out.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archgraph.artifact.digests import file_digest, text_digest
from archgraph.runtime.cache_folder import CacheFolder, cache_folder, is_private_file
from archgraph.runtime.devices import CPU, TENSORRT, installed, load_onnxruntime
from archgraph.runtime.fingerprints import Identity, fingerprint, identity
from archgraph.runtime.placement import Placement, placement_of
from archgraph.runtime.processor import processor
from archgraph.runtime.session_options import session_options

FORMAT = 1
SMALLEST = 1 << 18  # smaller files open about as fast as an entry is checked
INSIDE = 1024  # bytes up to which a weight stays within the graph, where optimisations can read it
Seen = dict[Path, Identity]
GRAPH, WEIGHTS, ENTRY = "model.onnx", "model.onnx.data", "entry.json"


@dataclass(frozen=True, slots=True)
class OptimizedSession:
    """A session on the CPU, where its nodes run, and whether it came from the cache."""

    session: Any
    placement: Placement | None
    cached: bool


def open_optimised(path: Path, threads: int | None) -> OptimizedSession | None:
    """A session on the CPU from the file's entry, which is made where there is none; None where that cannot be.

    Raises RunError for settings of the cache that make no sense.
    """
    cache = cache_folder("sessions")
    if cache is None:
        return None
    try:
        seen: Seen = {}
        key = key_of(path, (SMALLEST, cache.limit), CPU, {"optimisation": "all"}, seen)
        if key is None:
            return None
        return _cached_session(cache, key, threads) or _new_session(cache, key, path, threads, seen)
    except OSError:  # a full disk, a folder that was taken away: the file itself is what counts
        return None


def engine_folder(path: Path) -> Path | None:
    """The folder in which TensorRT caches the engines of a file; None without a cache."""
    cache = cache_folder("engines")
    if cache is None:
        return None
    try:
        version = installed("tensorrt") or installed("tensorrt-cu13")
        key = key_of(path, (0, cache.limit), TENSORRT, {"tensorrt": version})
        if key is None:
            return None
        cache.shrink()
        (cache.root / key).mkdir(mode=0o700, exist_ok=True)
        return cache.entry(key)
    except OSError:
        return None


def key_of(
    path: Path, bounds: tuple[int, int], provider: str, options: Mapping[str, str], seen: Seen | None = None
) -> str | None:
    """What the optimised graph depends on, as one digest; None for sizes out of bounds and places of weights unclear.

    The number of threads is no part of it. `seen` gets the files, as they were before they were read. Raises OSError.
    """
    seen = {} if seen is None else seen
    seen[path] = identity(path)
    memory = cache_folder("fingerprints")
    smallest, limit = bounds
    if path.stat().st_size > limit:
        return None
    main = fingerprint(path, memory)
    if main.places is None:
        return None
    paths = {place: path.parent / place for place in main.places}
    there = {place: file for place, file in paths.items() if file.is_file()}
    seen |= {file: identity(file) for file in there.values()}
    total = sum(file.stat().st_size for file in (path, *there.values()))
    if not smallest <= total <= limit:
        return None
    weights = {place: fingerprint(file, memory).digest for place, file in there.items()}
    ort = load_onnxruntime()
    record = {
        "format": FORMAT,
        "file": main.digest,
        "weights": {place: weights.get(place, "") for place in paths},
        "onnxruntime": [ort.__version__, ort.get_build_info()],
        "provider": [provider, dict(options)],
        "processor": processor(),
    }
    return text_digest(json.dumps(record, sort_keys=True))


def _cached_session(cache: CacheFolder, key: str, threads: int | None) -> OptimizedSession | None:
    """The session of an undamaged entry. A damaged one is removed."""
    entry = cache.entry(key)
    if entry is not None:
        with contextlib.suppress(Exception):  # whatever is wrong with an entry, it is made anew
            placement = checked_entry(entry)
            return OptimizedSession(_reopened(entry / GRAPH, threads), placement, cached=True)
    cache.discard(key)
    return None


def checked_entry(entry: Path) -> Placement | None:
    """The placement in an entry of the cache. Raises ValueError, OSError, KeyError or TypeError for a damaged one."""
    if not is_private_file(entry / ENTRY):
        raise ValueError("no entry")
    record = json.loads((entry / ENTRY).read_text(encoding="utf-8"))
    for name, kept in record["files"].items():
        file = entry / Path(name).name
        unchanged = is_private_file(file) and (
            identity(file) == kept["identity"] or file_digest(file) == kept["digest"]
        )
        if not unchanged:
            raise ValueError(f"{name} is damaged")
    if record["nodes"] is None:
        return None
    return Placement({name: tuple((kind, node) for kind, node in nodes) for name, nodes in record["nodes"].items()})


def _reopened(graph: Path, threads: int | None) -> Any:
    """A session on a graph that is optimised already: to do it again would only take time."""
    ort = load_onnxruntime()
    options = session_options(ort, threads)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    return ort.InferenceSession(str(graph), options, providers=[CPU])


def _new_session(cache: CacheFolder, key: str, path: Path, threads: int | None, seen: Seen) -> OptimizedSession | None:
    """A session on the file itself, which leaves an entry behind; None where ONNX Runtime cannot make one.

    Nothing is kept where one of its files is not the one any more that the key was made of.
    """
    with cache.draft() as draft:
        try:
            session = _saving(path, threads, draft / GRAPH)
        except Exception:  # the file's fault, or the disk's: opening it without the cache tells
            return None
        placement = placement_of(session)
        unchanged = all(identity(file) == before for file, before in seen.items())
        if unchanged and (draft / GRAPH).is_file():
            _describe(draft, placement)
            cache.keep(draft, key)
    return OptimizedSession(session, placement, cached=False)


def _saving(path: Path, threads: int | None, graph: Path) -> Any:
    ort = load_onnxruntime()
    options = session_options(ort, threads)
    options.optimized_model_filepath = str(graph)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", WEIGHTS)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", str(INSIDE))
    return ort.InferenceSession(str(path), options, providers=[CPU])


def _flush(file: Path) -> None:
    """Brings a file to the disk: after a crash it could have its size and times, and not what was in it."""
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _describe(draft: Path, placement: Placement | None) -> None:
    """Writes what the entry's files are, so that damage is seen."""
    files = [draft / name for name in (GRAPH, WEIGHTS) if (draft / name).is_file()]
    for file in files:
        file.chmod(0o600)  # before its identity is taken, which this changes
        _flush(file)
    record = {
        "files": {file.name: {"digest": file_digest(file), "identity": identity(file)} for file in files},
        "nodes": None if placement is None else placement.nodes,
    }
    (draft / ENTRY).write_text(json.dumps(record), encoding="utf-8")
    (draft / ENTRY).chmod(0o600)
