"""ResNet-50 in four languages that describe networks: what it takes to write, to check and to become a torch module.

    pip install mlnode narchi ultralytics
    python tests/benchmark/describing.py [--rounds 5]

Each contender runs in its own process; they take turns, imports do not count, and medians are given. One that is not
installed is left out. The descriptions of the peers are in `peers/`; ultralytics brings its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))
warnings.simplefilter("ignore")

Seconds = dict[str, float | None]


def spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and the result."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def archgraph(file: Path) -> tuple[Seconds, Any]:
    import archgraph as ag
    import archgraph.codegen
    import archgraph.language.load  # the first call would import it

    check, graph = spent(lambda: ag.load(f"{file}@resnet50"))
    build, module = spent(lambda: ag.to_torch(graph))
    return {"check": check, "build": build}, module


def mlnode(file: Path) -> tuple[Seconds, Any]:
    from mlnode import MLnodeModel

    check, model = spent(lambda: _valid(MLnodeModel.load(str(file))))
    build, module = spent(model.build)
    return {"check": check, "build": build}, module


def _valid(model: Any) -> Any:
    assert model.validate().valid
    return model


def narchi(file: Path) -> tuple[Seconds, Any]:
    from narchi.instantiators.pytorch import StandardModule
    from narchi.module import ModuleArchitecture

    check, _ = spent(lambda: ModuleArchitecture(str(file)))
    both, module = spent(lambda: StandardModule(str(file)))
    return {"check": check, "build": max(both - check, 0.0)}, module


def ultralytics(file: Path) -> tuple[Seconds, Any]:
    """It proves no shapes, and its blocks are classes that the file names."""
    from ultralytics.nn.tasks import ClassificationModel

    build, module = spent(lambda: ClassificationModel(str(file), ch=3, nc=1000, verbose=False))
    return {"check": None, "build": build}, module


CONTENDERS: dict[str, tuple[Callable[[Path], tuple[Seconds, Any]], str]] = {
    "archgraph": (archgraph, "specs/resnet.yaml"),
    "mlnode": (mlnode, "tests/benchmark/peers/resnet50.mlnode.json"),
    "narchi": (narchi, "tests/benchmark/peers/resnet50.jsonnet"),
    "ultralytics": (ultralytics, "cfg/models/v8/yolov8-cls-resnet50.yaml"),
}


def path_of(name: str) -> Path:
    """The description of a contender; ultralytics' lies in its package."""
    file = CONTENDERS[name][1]
    if name != "ultralytics":
        return ROOT / file
    found = find_spec("ultralytics")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / file


def one(name: str) -> dict[str, Any]:
    """One run in this process, and how the module compares with torchvision's."""
    import references

    published = references.torchvision().models.resnet50(weights=None).state_dict()
    seconds, module = CONTENDERS[name][0](path_of(name))
    own = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    return {
        **seconds,
        "parameters": sum(value.numel() for value in module.parameters()),
        "same_keys": own == {key: tuple(value.shape) for key, value in published.items()},
    }


def lines_of(file: Path) -> int:
    """Lines that say something."""
    marks = ("#", "//")
    return sum(
        bool(line.strip()) and not line.strip().startswith(marks) for line in file.read_text("utf-8").splitlines()
    )


def in_own_process(name: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, __file__, "--one", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--one", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(one(given.one)))
        return
    names = [name for name in CONTENDERS if find_spec(name)]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            runs[name].append(in_own_process(name))
    print("| | lines | read and check, s | torch module, s | parameters | torchvision's keys |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, found in runs.items():
        check, build = (_median(found, part) for part in ("check", "build"))
        keys = "yes" if found[0]["same_keys"] else "no"
        print(f"| {name} | {lines_of(path_of(name))} | {check} | {build} | {found[0]['parameters']:,} | {keys} |")


def _median(runs: list[dict[str, Any]], part: str) -> str:
    times = [run[part] for run in runs]
    return "–" if times[0] is None else f"{statistics.median(times):.3f}"


if __name__ == "__main__":
    main()
