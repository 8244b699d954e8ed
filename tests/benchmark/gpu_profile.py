"""Where the time of a file goes on a GPU: ONNX Runtime's own profile, its kernels summed by operator.

    python tests/benchmark/gpu_profile.py ddpm 16 cuda16 cuda32 portable16 --folder FOLDER [--device cuda] [--runs 10]

A kind may have options of the provider behind it: `cuda16:use_tf32=1,prefer_nhwc=0`. The files are those of
gpu_networks.py, exported where they are not in the folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import gpu_networks
import onnxruntime as ort

from archgraph.runtime.file_profile import layout_options

ROWS = 12
WARM = 5


def session_of(path: Path, device: str, how: dict[str, str], prefix: str = "") -> Any:
    """A session with archgraph's options, and others in their place."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.enable_profiling, options.profile_file_prefix = bool(prefix), prefix
    providers: list[Any] = ["CPUExecutionProvider"]
    if device == "cuda":
        ort.preload_dlls()
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0"} | layout_options(path) | how))
    return ort.InferenceSession(str(path), options, providers=providers)


def bound(session: Any, given: list[Any], device: str) -> Any:
    """The inputs and outputs of a session on the device."""
    binding = session.io_binding()
    for item, array in zip(session.get_inputs(), given, strict=True):
        binding.bind_ortvalue_input(item.name, ort.OrtValue.ortvalue_from_numpy(array, device, 0))
    for item in session.get_outputs():
        binding.bind_output(item.name, device)
    return binding


def milliseconds(session: Any, binding: Any, runs: int) -> float:
    """The median of a run without the profiler."""
    for _ in range(WARM):
        session.run_with_iobinding(binding)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


def by_operator(events: list[dict[str, Any]], runs: int) -> dict[str, tuple[float, float, int]]:
    """Milliseconds of kernels on the GPU and of launching them on the host in a run, and how often, by operator.

    ONNX Runtime notes kernels of a GPU where it is built with CUPTI, as events of their own with their operator.
    """
    host: dict[str, float] = defaultdict(float)
    device: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for event in events:
        args = event.get("args") or {}
        name = str(args.get("op_name", ""))
        if event.get("cat") == "Node" and str(event["name"]).endswith("_kernel_time"):
            host[name] += event["dur"]
            count[name] += 1
        elif event.get("cat") == "Kernel":
            device[name or str(event["name"])[:60]] += event["dur"]
    names = host.keys() | device.keys()
    return {name: (device[name] / runs / 1e3, host[name] / runs / 1e3, count[name] // runs) for name in names}


def kernels(session: Any, binding: Any, runs: int) -> Iterator[str]:
    """The kernels that took most of the time on the GPU, by name: torch's profiler sees all of a process."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.init()  # type: ignore[no-untyped-call]
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        for _ in range(runs):
            session.run_with_iobinding(binding)
        torch.cuda.synchronize()
    found = [(each.self_device_time_total / runs / 1e3, each.count // runs, each.key) for each in seen.key_averages()]
    yield f"| kernel ({sum(took for took, _, _ in found):.2f} ms in all) | ms | times |\n| --- | --- | --- |"
    for took, count, name in sorted(found, reverse=True)[:ROWS]:
        yield f"| {name[:110]} | {took:.3f} | {count} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network")
    parser.add_argument("batch", type=int)
    parser.add_argument("kinds", nargs="+")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--no-table", action="store_true", help="the time of a run only")
    given = parser.parse_args()
    arrays = gpu_networks.arrays(gpu_networks.networks(given.device)[given.network], given.batch)
    for text in given.kinds:
        kind, _, more = text.partition(":")
        how = dict(item.split("=") for item in more.split(",") if item)
        try:
            _show(given, text, how, arrays, _file(given, kind))
        except Exception as error:  # one kind never stops the rest
            print(f"{text}: {type(error).__name__}: {str(error)[:500]}", flush=True)


def _file(given: argparse.Namespace, kind: str) -> Path:
    folder: Path = given.folder / f"{given.network}-{kind}"
    if not folder.is_dir():
        gpu_networks.prepare(folder.name, given.device, given.folder)
    return folder / "it.onnx"


def _show(given: argparse.Namespace, text: str, how: dict[str, str], arrays: list[Any], path: Path) -> None:
    session = session_of(path, given.device, how)
    took = milliseconds(session, bound(session, arrays, given.device), given.runs)
    print(f"\n{given.network}, batch {given.batch}, {text}: {took:.2f} ms", flush=True)
    if given.device == "cuda":
        try:
            print(*kernels(session, bound(session, arrays, given.device), given.runs), sep="\n", flush=True)
        except Exception as error:  # the other table is there all the same
            print(f"{type(error).__name__}: {str(error)[:300]}", flush=True)
    del session
    if given.no_table:
        return
    with tempfile.TemporaryDirectory() as folder:
        session = session_of(path, given.device, how, f"{folder}/profile")
        binding = bound(session, arrays, given.device)
        for _ in range(given.runs):
            session.run_with_iobinding(binding)
        events = json.loads(Path(session.end_profiling()).read_text())
    found = sorted(by_operator(events, given.runs).items(), key=lambda item: -max(item[1][:2]))
    print("| operator | GPU, ms | host, ms | times |\n| --- | --- | --- | --- |")
    for name, (gpu, host, count) in found[:ROWS]:
        print(f"| {name} | {gpu:.3f} | {host:.3f} | {count} |", flush=True)


if __name__ == "__main__":
    main()
