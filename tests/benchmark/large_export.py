"""Exports Stable Diffusion 1.5's U-Net (3.4 GB of weights) and prints a Markdown table beside `cp` of the same bytes.

    python tests/benchmark/large_export.py [--rounds 3] [--folder /tmp]

Random weights are written under the right keys first, as one safetensors file or with `--shards` as several with an
index. `cp` with `sync` and the export take turns, each in its own process, and each starts with a synchronised disk.
Needs three times the weights' bytes of free disk; what was written is removed in the end.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from math import prod
from pathlib import Path

MODEL = "sd_unet@sd15"
SLOWEST, LARGEST_MEMORY = 1.3, 400.0


def export(weights: str, path: str) -> dict[str, float]:
    """One export without verification in this process: seconds, peak memory in MB, and bytes."""
    import archgraph
    from archgraph.export import export as export_graph

    archgraph.load("resnet18")  # the first load imports what every load needs
    start = time.perf_counter()
    graph = archgraph.load(MODEL)
    report = export_graph(graph, weights, path)
    end = time.perf_counter()
    peak = peak_memory()
    assert "torch" not in sys.modules
    return {"seconds": end - start, "memory": peak, "bytes": report.size}


def peak_memory() -> float:
    """The largest resident memory so far, in MB. getrusage also counts that of the process that started this one."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def write_random_weights(folder: Path, shards: int) -> Path:
    """Random weights under the model's keys, in one file or in several with an index. The path to export from."""
    import archgraph
    from archgraph.graph import weights

    items = [(item.key, item.weight.shape) for item in weights(archgraph.load(MODEL))]
    if shards == 1:
        path = folder / "weights.safetensors"
        _write_shard(path, items)
        return path
    places: dict[str, str] = {}
    for number in range(shards):
        part = items[number::shards]
        name = f"weights-{number + 1:05}-of-{shards:05}.safetensors"
        _write_shard(folder / name, part)
        places |= {key: name for key, _ in part}
    index = folder / "weights.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")
    return index


def _write_shard(path: Path, items: Iterable[tuple[str, tuple[int, ...]]]) -> None:
    import numpy as np

    header: dict[str, object] = {}
    place, sizes = 0, []
    for key, shape in items:
        size = 4 * prod(shape)
        header[key] = {"dtype": "F32", "shape": list(shape), "data_offsets": [place, place + size]}
        place += size
        sizes.append(size // 4)
    text = json.dumps(header).encode()
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for size in sizes:
            file.write(generator.standard_normal(size, dtype=np.float32).data)


def in_own_process(*arguments: object) -> dict[str, float]:
    """What this file prints when it is asked for one contender."""
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def copied(sources: Iterable[Path], folder: Path) -> float:
    """Seconds of `cp` and `sync` of the weights' files."""
    target = folder / "copy"
    target.mkdir()
    start = time.perf_counter()
    subprocess.run(["cp", *map(str, sources), str(target)], check=True)
    subprocess.run(["sync", *map(str, target.iterdir())], check=True)
    spent = time.perf_counter() - start
    shutil.rmtree(target)
    return spent


def exported(weights: Path, folder: Path) -> dict[str, float]:
    """One export in its own process."""
    found = in_own_process("--one", weights, folder / "sd.onnx")
    for path in folder.glob("sd.onnx*"):
        path.unlink()
    return found


def measure(rounds: int, shards: int, place: Path) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory(dir=place, prefix="large-export-") as name:
        folder = Path(name)
        weights = write_random_weights(folder, shards)
        sources = sorted(folder.glob("*.safetensors"))
        copies, exports = [], []
        for _ in range(rounds):
            subprocess.run(["sync"], check=True)
            copies.append(copied(sources, folder))
            subprocess.run(["sync"], check=True)
            exports.append(exported(weights, folder))
    copy, export_time = statistics.median(copies), statistics.median(item["seconds"] for item in exports)
    peak = max(item["memory"] for item in exports)
    ratios = [item["seconds"] / other for item, other in zip(exports, copies, strict=True)]
    ratio = statistics.median(ratios)
    size, name = exports[0]["bytes"] / 1e9, f"export of {MODEL} from {len(sources)} file(s), unverified"
    print("| work | figure | range | target | |\n| --- | --- | --- | --- | --- |")
    print(f"| `cp` and `sync` of {size:.2f} GB | {copy:.2f} s | {_range(copies)} | | |")
    print(f"| {name} | {export_time:.2f} s | {_range([item['seconds'] for item in exports])} | | |")
    print(_row("export against `cp`", ratio, "", _range(ratios), SLOWEST))
    print(_row("peak resident memory", peak, " MB", _range([item["memory"] for item in exports]), LARGEST_MEMORY))


def _row(work: str, figure: float, unit: str, spread: str, target: float) -> str:
    told = f"{figure:.0f}" if figure > 100 else f"{figure:.2f}"
    verdict = "met" if figure <= target else "missed"
    return f"| {work} | {told}{unit} | {spread} | ≤ {target:g}{unit} | {verdict} |"


def _range(values: Iterable[float]) -> str:
    found = list(values)
    return f"{min(found):.2f}–{max(found):.2f}"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--shards", type=int, default=1)
    arguments.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    arguments.add_argument("--one", nargs=2, metavar=("WEIGHTS", "FILE"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(export(*given.one)))
        return
    print(f"{platform.processor() or platform.machine()}, {platform.system()}, Python {platform.python_version()}\n")
    measure(given.rounds, given.shards, given.folder)


if __name__ == "__main__":
    main()
