"""Opens files over the stand-in, in a process of its own, and says what ONNX Runtime made of them.

Called with a JSON list of jobs, prints a JSON list of answers. No value of any result is looked at.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from archgraph.errors import ArchgraphError
from archgraph.runtime import Session, gpu

RUNS = 4
INTERNAL = "com.ms.internal.nhwc"
"""The domain of operators whose channels are last."""


def dump_to(path: Path) -> None:
    """From now on the optimised graph is written there as well; all other options are archgraph's own."""
    made = gpu._strict_options

    def options(ort: Any, threads: int | None) -> Any:
        found = made(ort, threads)
        found.optimized_model_filepath = str(path)
        return found

    gpu._strict_options = options


def counts(path: Path) -> dict[str, int]:
    """The operators of a graph; those with the channels last by a name of their own."""
    nodes = onnx.load(path, load_external_data=False).graph.node
    return Counter(f"{node.op_type}, channels last" if node.domain == INTERNAL else node.op_type for node in nodes)


def graphs() -> dict[str, int]:
    library = ctypes.CDLL("libcudart.so.13")
    return {name: ctypes.c_int.in_dll(library, f"stand_in_{name}").value for name in ("captured", "replayed")}


def answer(job: dict[str, Any]) -> dict[str, Any]:
    """What a session on a file says of itself, after some runs of the shapes that are given."""
    before = graphs()
    with Session(job["file"], job.get("device", "cuda"), **job.get("how", {})) as session:
        shapes = {}
        for _ in range(RUNS if job["feeds"] else 0):
            feeds = {name: np.ones(shape, dtype) for name, (shape, dtype) in job["feeds"].items()}
            shapes = {name: list(array.shape) for name, array in session.run(feeds).items()}
        placement = {provider: session.placement.operations(provider) for provider in session.placement.nodes}
        found = {"device": session.device, "notes": session.notes, "placement": placement, "shapes": shapes}
    return found | {name: number - before[name] for name, number in graphs().items()}


def main() -> None:
    onnxruntime.preload_dlls = lambda: None  # NVIDIA's own wheels, where there are any, would come first
    dump = Path(sys.argv[1]).with_name("optimised.onnx")
    dump_to(dump)
    answers = []
    for job in json.loads(Path(sys.argv[1]).read_text()):
        try:
            answers.append(answer(job) | {"optimised": counts(dump)})
        except ArchgraphError as error:
            answers.append({"error": str(error)})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
