"""Which node of a random network departs on a GPU, for seeds that `tests/random_networks/run.py` found.

    python tests/cuda/localise_on_gpu.py 720028 740062 [--device cuda] [--runs 20] [--profiles cuda portable]

First each file is run many times as it is, by archgraph's session and with the outputs left on the device, to see
whether a fault is there each time. Then every value of the file is an output, and each node is repeated in torch in
float64 on the very inputs that it had there; the first one that departs is printed. `--device cpu` tries the command.
`--plant OPERATOR` doubles what the first such operator makes, to see that a fault is found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "random_networks"))

import numpy as np
import onnx
import onnxruntime as ort
from network_checks import cases, names_of, request, shaken
from random_specs import SpecDrawing

import archgraph as ag
from archgraph.export import ExportOptions, export
from archgraph.export.lowering.applications import LoweredFlow, flatten
from archgraph.export.lowering.program import ELEMENT_TYPES
from archgraph.runtime import Session
from archgraph.runtime.file_profile import layout_options
from archgraph.runtime.gpu import cuda_options
from archgraph.verify.cases import Case
from archgraph.verify.node_comparison import Repetition, repeated
from archgraph.verify.operator_definitions import for_cpu
from archgraph.verify.reference_values import Reference, in_dtype, run_module
from archgraph.verify.rounding_reach import judged
from archgraph.verify.tolerance import Run
from archgraph.verify.trial_inputs import inputs_of

Arrays = Mapping[str, "np.ndarray[Any, Any]"]
SHOWN = 6
"""So many numbers of a value are printed."""


class Opened:
    """ONNX Runtime on a file, with the options of archgraph's session."""

    def __init__(self, model: str, path: Path, device: str):
        options = ort.SessionOptions()
        options.log_severity_level = 4
        providers: list[Any] = ["CPUExecutionProvider"]
        if device == "cuda":
            ort.preload_dlls()
            providers.insert(0, ("CUDAExecutionProvider", cuda_options(False, False) | layout_options(path)))
        self.device, self.session = device, ort.InferenceSession(model, options, providers=providers)

    def run(self, arrays: Arrays, place: str) -> dict[str, Any]:
        """The outputs, which ONNX Runtime leaves in a place."""
        binding = self.session.io_binding()
        for item in self.session.get_inputs():
            value = ort.OrtValue.ortvalue_from_numpy(arrays[item.name], self.device, 0)
            binding.bind_ortvalue_input(item.name, value)
        names = [item.name for item in self.session.get_outputs()]
        for name in names:
            binding.bind_output(name, place)
        self.session.run_with_iobinding(binding)
        return {name: np.array(each.numpy()) for name, each in zip(names, binding.get_outputs(), strict=True)}


class Network:
    """The random network of a seed with its weights, its inputs and what torch computes of them."""

    def __init__(self, seed: int, folder: Path):
        spec = SpecDrawing(seed, 6).spec()
        preset = Random(seed).choice(["first", "second"]) if "presets" in spec else None
        self.graph = ag.load(request(spec, folder), preset)
        self.module = shaken(ag.to_torch(self.graph, seed=0), seed)
        self.double = in_dtype(self.module, "float64")
        self.trials = [(case, inputs_of(self.graph, case)) for case in cases(self.graph, seed)]
        self.state = {key: tensor.numpy() for key, tensor in self.module.state_dict().items()}

    def wrong(self, arrays: Arrays, found: Arrays, case: Case) -> list[str]:
        """The outputs beyond their bounds."""
        names, run = names_of(self.graph), Run("own", case.sizes, True)
        exact = run_module(self.double, names, arrays, "float64")
        known = Reference(exact, run_module(self.module, names, arrays, "float32"))
        _, results = judged(known, found, run, lambda: self.double, (arrays, "float32"))
        return [item.output for item in results if not item.ok]


def counted(network: Network, path: Path, device: str, runs: int) -> Iterator[str]:
    """How often which output is wrong: by archgraph's session, and with outputs left on the host and on the device."""
    found: Counter[tuple[str, str]] = Counter()
    constant = {output.name for output in onnx.load(str(path)).graph.output} - _computed(path)
    for case, arrays in network.trials:
        for _ in range(runs):
            with Session(path, device) as session:
                for kind in ("session, first run", "session, second run"):
                    for name in network.wrong(arrays, session.run(arrays), case):
                        found[kind, name] += 1
        opened = Opened(str(path), path, device)
        for _ in range(runs):
            for place in dict.fromkeys(("cpu", device)):
                for name in network.wrong(arrays, opened.run(arrays, place), case):
                    found[f"outputs on {place}", name] += 1
    total = runs * len(network.trials)
    yield f"of {total} runs each: {dict(found) or 'none wrong'}; outputs that no input decides: {sorted(constant)}"


def _computed(path: Path) -> set[str]:
    """The values that depend on an input."""
    graph = onnx.load(str(path)).graph
    moved = {item.name for item in graph.input}
    for node in graph.node:
        if moved.intersection(node.input):
            moved.update(node.output)
    return moved


def shown_values(
    flow: LoweredFlow, path: Path, values: Mapping[str, str], device: str, plant: str
) -> tuple[bytes, Any]:
    """The file with every value of the graph as an output, and their names by path."""
    proto = onnx.load(str(path)) if device == "cuda" else for_cpu(onnx.load(str(path)), path)
    made = {name: node for node in proto.graph.node for name in node.output}
    there = {output.name for output in proto.graph.output}
    names: dict[str, str] = {}
    for step in flow.steps:
        for value, slot in zip(step.results, step.outputs, strict=True):
            name = values.get(value, "")
            if name in made:
                names[value] = name
                if name not in there:
                    there.add(name)
                    kind = ELEMENT_TYPES[slot.type.dtype]
                    proto.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    for node in [node for node in proto.graph.node if node.op_type == plant][:1]:
        name = node.output[0]
        node.output[0] = f"{name}/planted"
        proto.graph.node.insert(
            list(proto.graph.node).index(node) + 1, onnx.helper.make_node("Add", [node.output[0]] * 2, [name])
        )
    return proto.SerializeToString(), names


def departure(network: Network, path: Path, values: Mapping[str, str], device: str, plant: str) -> Iterator[str]:
    """The first node that departs in each case."""
    flow = flatten(network.graph)
    model, names = shown_values(flow, path, values, device, plant)
    opened = Opened(model, path, device)  # type: ignore[arg-type]
    for case, arrays in network.trials:
        found = opened.run(arrays, "cpu")
        known = {slot: Repetition.of(arrays[name], "float32") for name, slot in flow.inputs.items()}
        first, departed = "", False
        for step in flow.steps:
            given = {port: known[slot].exact for port, slot in step.inputs.items()}
            try:
                results = repeated(step, case, network.state, known, "float32")
            except Exception as error:  # no network of its own: the file's value goes on
                first += f"{step.path} is not repeated ({type(error).__name__}); "
                results = [Repetition.of(found[names[value]], "float32") for value in step.results if value in names]
                if len(results) < len(step.results):
                    break
            for value, slot, wanted in zip(step.results, step.outputs, results, strict=True):
                ours = found.get(names.get(value, ""))
                known[slot] = wanted if ours is None else Repetition.of(ours, "float32")
                if ours is not None and not departed and not wanted.departure(step, ours).ok:
                    departed = True
                    kinds = {port: (list(array.shape), str(array.dtype)) for port, array in given.items()}
                    first += f"{value}: {step.node.op!r} of {kinds}: {_few(ours)}; torch: {_few(wanted.exact)}"
        yield f"at {dict(case.sizes)}: {first}{'' if departed else 'each node does what torch does'}"


def _few(array: Any) -> str:
    return f"{list(array.shape)} {array.dtype} {array.ravel()[:SHOWN].tolist()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--profiles", nargs="+", default=["cuda", "portable"])
    parser.add_argument("--plant", default="", help="an operator whose result is doubled")
    options = parser.parse_args()
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as name:
            for profile in options.profiles:
                print(f"== seed {seed}, profile {profile}", flush=True)
                try:
                    network, path = Network(seed, Path(name)), Path(name) / f"{profile}.onnx"
                    report = export(network.graph, network.module, path, ExportOptions(profile))
                    for line in counted(network, path, options.device, options.runs):
                        print(line, flush=True)
                    for line in departure(network, path, report.values, options.device, options.plant):
                        print(line, flush=True)
                except Exception:  # one seed never stops the rest
                    print(traceback.format_exc()[-900:], flush=True)


if __name__ == "__main__":
    main()
