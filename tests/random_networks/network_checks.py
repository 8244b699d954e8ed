"""What is held against each other of one network: the proof, torch, written code, ONNX files, keys, texts, drawings."""

from __future__ import annotations

import json
import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnxruntime
import torch
from interpretation import Interpreter, RefusedError, widened
from random_files import FILES
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import archgraph as ag
from archgraph.dims import Constraint
from archgraph.errors import ProviderError
from archgraph.export.lowering.emit import output_names
from archgraph.graph.input_sizes import input_symbols
from archgraph.graph.keys import weights
from archgraph.graph.text import graph_text
from archgraph.graph.types import Graph, walk
from archgraph.language.load import load
from archgraph.runtime import Session
from archgraph.verify.cases import Case
from archgraph.verify.operator_definitions import runnable
from archgraph.verify.reference_values import Reference, in_dtype, run_module, widening
from archgraph.verify.rounding_reach import judged
from archgraph.verify.tolerance import Run
from archgraph.verify.trial_inputs import inputs_of

Spec = dict[str, Any]
Runner = Callable[[Mapping[str, Any]], dict[str, Any]]
NO_KERNEL = "no kernel"
NAN_PASSED_OVER = "a maximum that passes over NaN"
"""ONNX Runtime's maxima differ from torch's there, as docs/profiles.md says."""
MAXIMA = ("max_pool", "adaptive_max_pool", "amax", "amin", "max", "min")
LARGEST = 60
"""Sizes beyond it are not tried: some constraints leave nothing smaller."""
STARVED = "more than 1"
"""torch refuses a norm over a single value, of which no size need be left."""


class FaultError(Exception):
    """Two parts of archgraph, or archgraph and torch, differ. `kind` is which of them."""

    def __init__(self, kind: str, text: str):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclass(frozen=True)
class Wanted:
    """What is looked at, since not all of it is cheap."""

    profiles: tuple[str, ...] = ("portable",)
    verify: bool = False
    draw: bool = False
    texts: bool = True
    device: str = "cpu"
    """Where the files are run."""


def examine(spec: Spec, seed: int, folder: Path, wanted: Wanted) -> str:
    """Looks at one network; the result says what became of it. Raises FaultError."""
    preset = Random(seed).choice(["first", "second"]) if "presets" in spec else None
    graph = _called("check", lambda: ag.load(request(spec, folder), preset))
    module = _called("build", lambda: shaken(ag.to_torch(graph, seed=0), seed))
    keys = [item.key for item in weights(graph)]
    if list(module.state_dict()) != keys:
        raise FaultError("keys", f"{list(module.state_dict())} and {keys}")
    doubles = {"torch": in_dtype(module, "float64")}
    if wanted.texts:
        written = _called("code", lambda: _written(ag.code(graph), module))
        doubles["code"] = in_dtype(written, "float64")
    meant = [(case, _meaning(graph, doubles, case)) for case in cases(graph, seed)]
    tried = [case for case, found in meant if found is not None]
    if not tried:
        return "no small sizes"
    shown = all(torch.isfinite(each).any() for _, found in meant for each in found or ())
    _refusals(graph, doubles["torch"], tried[0])
    if wanted.texts:
        _texts(graph, spec, preset, seed)
    if wanted.draw:
        _called("draw", lambda: ag.render(graph, folder / "net.dot"))
    for profile in wanted.profiles:
        path = folder / f"net_{profile}.onnx"
        _called(f"export {profile}", partial(ag.to_onnx, module, path, profile=profile, verify=wanted.verify and shown))
        departure = _file(graph, (module, doubles["torch"]), tried, path, (profile, wanted.device))
        if departure is not None:
            return departure
    return "compared" if shown else "compared, an output of no numbers"


def request(spec: Spec, folder: Path) -> Spec | Path:
    """The spec, or where it uses others, the file that it becomes next to them."""
    if "use" not in spec:
        return spec
    for name, file in spec.get(FILES, {}).items():
        (folder / name).write_text(json.dumps(file), encoding="utf-8")
    path = folder / "drawn.json"
    path.write_text(json.dumps({key: item for key, item in spec.items() if key != FILES}), encoding="utf-8")
    return path


def _called(kind: str, what: Any) -> Any:
    try:
        return what()
    except Exception as error:
        raise FaultError(kind, f"{type(error).__name__}: {str(error)[:1500]}") from error


def shaken(module: nn.Module, seed: int) -> nn.Module:
    """The module with weights and statistics that are all different, so that exchanged ones are seen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator) * 0.4
                tensor.copy_(drawn.abs() + 0.5 if name.endswith("running_var") else drawn)
    return module.eval()


# -- sizes -------------------------------------------------------------------------------------------------------------


def cases(graph: Graph, seed: int) -> list[Case]:
    """Sizes that the constraints allow, all different: small ones, larger ones, and where it may be, ones."""
    rules = {rule.symbol: rule for rule in graph.constraints}
    names = sorted(input_symbols(graph))
    rng = Random(seed)
    found = []
    for least in (1, rng.randint(3, 9)):
        sizes: dict[str, int] = {}
        for name in names:
            start = rng.randint(1, 3) if name == "N" else least + len(sizes)
            rule = rules.get(name)
            allowed = [size for size in range(1, LARGEST) if rule is None or rule.allows(size)]
            if not allowed:
                return []
            sizes[name] = next((size for size in allowed if size >= start), allowed[-1])
        if sizes not in [case.sizes for case in found]:
            found.append(Case(sizes, seed % 1000 + len(found), edges=bool(found)))
    return found


def _tensors(graph: Graph, case: Case) -> list[Tensor]:
    return [torch.from_numpy(array) for array in _called("inputs", lambda: inputs_of(graph, case)).values()]


def _double(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.double() if tensor.is_floating_point() else tensor for tensor in tensors]


def _meaning(graph: Graph, doubles: Mapping[str, nn.Module], case: Case) -> list[Tensor] | None:
    """What the nodes mean, which the modules compute too; None where a norm sees one value, which torch refuses."""
    given = _double(_tensors(graph, case))
    with torch.no_grad():
        try:
            with widening("float64"):  # as the modules are run: a logarithm of whole numbers is in float64 too
                expected = Interpreter(doubles["torch"].state_dict(), case.sizes).run(graph, given)
        except RefusedError as error:
            if STARVED in str(error):
                return None
            raise FaultError("proof", f"at {dict(case.sizes)}: {error}") from error
        except AssertionError as error:
            raise FaultError("contract", f"at {dict(case.sizes)}: {error}") from error
        for kind, double in doubles.items():
            _equal(kind, _called(kind, lambda double=double: _outputs(double, given)), expected, case)
    return expected


def _outputs(module: nn.Module, given: Sequence[Tensor]) -> list[Tensor]:
    # What is computed in float32 on purpose, as the sines of times, is not what is judged, nor is a fused kernel.
    with widening("float64"), sdpa_kernel(SDPBackend.MATH):
        found = module(*given)
    return list(found) if isinstance(found, tuple) else [found]


def _written(text: str, module: nn.Module) -> nn.Module:
    """The written text as a file of its own, which needs torch and nothing else."""
    file = types.ModuleType("written")
    exec(compile(text, "written.py", "exec"), file.__dict__)
    made: nn.Module = getattr(file, type(module).__name__)()
    made.load_state_dict(module.state_dict(), strict=True)
    return made.eval()


def _equal(kind: str, found: Sequence[Tensor], expected: Sequence[Tensor], case: Case) -> None:
    if len(found) != len(expected):
        raise FaultError(kind, f"{len(found)} outputs in place of {len(expected)}")
    for i, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
        a, b = widened(ours).numpy(), theirs.numpy()  # what a block makes in float32 of whole numbers stays in it
        if a.shape != b.shape or a.dtype != b.dtype:
            raise FaultError(
                kind, f"output {i} at {dict(case.sizes)}: {a.dtype} {a.shape} in place of {b.dtype} {b.shape}"
            )
        scale = float(np.abs(b).max(initial=0)) if np.isfinite(b).all() else 1.0
        if not np.allclose(a, b, rtol=1e-6, atol=1e-7 * scale + 1e-12, equal_nan=True):
            raise FaultError(kind, f"output {i} at {dict(case.sizes)}: off by {np.abs(a - b).max()} of {scale}")


def _refusals(graph: Graph, double: nn.Module, case: Case) -> None:
    """Sizes that the constraints refuse fail in torch, or give another shape. Asked of those that nobody declared: one
    that must be a number is written as that number, and what `where` says is no matter of torch's."""
    declared = {name for each in _conditions(graph) for name in re.findall(r"[A-Za-z_]\w*", each)}
    for rule in graph.constraints:
        if rule.symbol not in input_symbols(graph) - declared:
            continue
        for size in _refused(rule):
            sizes = {**case.sizes, rule.symbol: size}
            if min((each for value in graph.inputs for each in Case(sizes, 0).shape(value.shape)), default=0) < 0:
                continue  # torch has no tensor of such a shape
            given = [_stretched(value, sizes) for value in graph.inputs]
            try:
                with torch.no_grad():
                    Interpreter(double.state_dict(), sizes).run(graph, given)
            except (RefusedError, AssertionError):
                continue
            raise FaultError("too strict", f"{sizes} works in torch; {rule.text}")


def _conditions(graph: Graph) -> Iterator[str]:
    """The `where` of all inputs."""
    for given in graph.info.spec["inputs"].values():
        where = given.get("where", []) if isinstance(given, dict) else []
        yield from [where] if isinstance(where, str) else where


def _stretched(value: Any, sizes: Mapping[str, int]) -> Tensor:
    shape = Case(sizes, 0).shape(value.shape)
    return torch.zeros(shape, dtype=getattr(torch, value.dtype.replace("float32", "float64")))


def _refused(rule: Constraint) -> Iterator[int]:
    stated = (cause.reason for cause in rule.causes)
    if not rule.causes or any("where" in reason or "declared" in reason for reason in stated):
        return
    yield from [size for size in range(max(1, rule.minimum - 3), rule.minimum + 4) if not rule.allows(size)][-2:]


# -- texts -------------------------------------------------------------------------------------------------------------


def _texts(graph: Graph, spec: Spec, preset: str | None, seed: int) -> None:
    """Texts and plain data are made, and the spec that travels with a file gives the same graph."""
    for what in (str, repr, Graph.to_dict, graph_text):
        _called("text", lambda what=what: what(graph))
    _called("summary", lambda: str(ag.summarize(graph)))
    again = _called("embedded spec", lambda: load(graph.info.spec, preset, standalone=True, **graph.info.params))
    if graph_text(again) != graph_text(graph):
        raise FaultError("embedded spec", "another graph")


# -- files -------------------------------------------------------------------------------------------------------------


def _file(
    graph: Graph, modules: tuple[nn.Module, nn.Module], tried: Sequence[Case], path: Path, place: tuple[str, str]
) -> str | None:
    """The exported file computes what torch computes, within the verifier's bounds, with all optimisations on; else
    what is known and documented: the device has no kernel for it, or a maximum passes over NaN."""
    module, double = modules
    profile, device = place
    runner = _called(f"open {profile}", lambda: _on_cuda(path) if device == "cuda" else _on_cpu(path, profile))
    if runner is None:
        return NO_KERNEL
    for case in tried:
        arrays = inputs_of(graph, case)
        reference = Reference(
            run_module(double, names_of(graph), arrays, "float64"),
            run_module(module, names_of(graph), arrays, "float32"),
        )
        found = _called(f"run {profile}", lambda arrays=arrays: runner(arrays))
        if _passes_over_nan(graph, reference, found):
            return NAN_PASSED_OVER
        _within(double, reference, arrays, found, case, profile)
    return None


def _passes_over_nan(graph: Graph, reference: Reference, found: Mapping[str, np.ndarray[Any, Any]]) -> bool:
    if not any(placed.node.op.name.startswith(MAXIMA) for placed in walk(graph)):
        return False
    return any(np.any(np.isnan(reference.exact[name]) & ~np.isnan(found[name])) for name in reference.exact)


def names_of(graph: Graph) -> list[str]:
    """The names of a file's outputs."""
    return list(output_names(graph).values())


def _on_cpu(path: Path, profile: str) -> Runner:
    """ONNX Runtime on the CPU, by definition where that lacks kernels."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if profile == "cuda":
        with runnable(path) as copy:
            session = onnxruntime.InferenceSession(str(copy), options)
    else:
        session = onnxruntime.InferenceSession(str(path), options)
    given, names = [item.name for item in session.get_inputs()], [item.name for item in session.get_outputs()]
    return lambda arrays: dict(zip(names, session.run(names, {name: arrays[name] for name in given}), strict=True))


def _on_cuda(path: Path) -> Runner | None:
    """archgraph's session on a GPU; None where that lacks a kernel, which it says by name."""
    try:
        session = Session(path, "cuda", threads=1)
    except ProviderError as error:
        if "no CUDA kernel" in str(error):
            return None
        raise
    names = [spec.name for spec in session.inputs]
    return lambda arrays: session.run({name: arrays[name] for name in names})


def _within(
    double: nn.Module,
    reference: Reference,
    arrays: Mapping[str, Any],
    found: Mapping[str, np.ndarray[Any, Any]],
    case: Case,
    profile: str,
) -> None:
    run = Run("own", case.sizes, True)
    for name, values in found.items():
        if values.shape != reference.exact[name].shape:
            shapes = f"{list(values.shape)}, and {list(reference.exact[name].shape)} in torch"
            raise FaultError(f"shape {profile}", f"{name} at {dict(case.sizes)}: {shapes}")
    for item in judged(reference, found, run, lambda: double, (arrays, "float32"))[1]:
        if not item.ok:
            raise FaultError(
                f"file {profile}",
                f"{item.output} at {dict(case.sizes)}: {item.errors.found}; allowed {item.errors.allowed}",
            )
