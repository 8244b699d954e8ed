"""Exports and shows that the file is equal to the network."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.artifact.digests import file_digest
from archgraph.artifact.file_names import certificate_of
from archgraph.artifact.replacement import require_own_branch
from archgraph.artifact.staging import Stage, staged
from archgraph.errors import Problem, VerificationError
from archgraph.export.serialization.weights import MatchedWeights, not_finite
from archgraph.graph.fixed_sizes import fixed
from archgraph.graph.plugin_use import plugins_in
from archgraph.verify.certificate import Certificate, branch_digests, data_digest, spec_digest, versions
from archgraph.verify.embedded_spec import graph_in
from archgraph.verify.plugin_contracts import require_true_contracts
from archgraph.verify.trial_inputs import tried
from archgraph.weights.fitting import fitted
from archgraph.weights.targets import network_of

if TYPE_CHECKING:
    from torch import nn

    from archgraph.export import ExportOptions, ExportReport
    from archgraph.graph.types import Graph


@dataclass(frozen=True, slots=True)
class Export:
    """A written file: what was written, and what was shown about it (nothing where that was declined)."""

    report: ExportReport
    certificate: Certificate | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        written = self.report
        return {
            "file": str(written.path),
            "data": str(written.data) if written.data else None,
            **({"time_branch": str(written.time_branch)} if written.time_branch else {}),
            "bytes": written.size,
            "sha256": written.sha256,
            "profile": written.profile,
            "dtype": written.dtype,
            **({"sizes": dict(written.sizes)} if written.sizes else {}),
            "opset": written.opset,
            "nodes": written.nodes,
            "weights": written.initializers,
            "seconds": {"export": round(written.seconds, 3), "all": round(self.seconds, 3)},
            "certificate": self.certificate.to_json() if self.certificate else None,
        }

    def text(self) -> str:
        """A line or two for people."""
        written = self.report
        head = f"{written.nodes} nodes, {written.initializers} weights, profile {written.profile}"
        head += "" if written.dtype == "float32" else f", {written.dtype}"
        if written.sizes:
            head += f", for {', '.join(f'{name}={size}' for name, size in written.sizes.items())} alone"
        if written.time_branch:
            head = f"{head}\nthe branch of the time is in {written.time_branch}; the two files belong together"
        return f"{head}\n{self.certificate.text()}" if self.certificate else head


def export_verified(
    source: Graph | nn.Module,
    path: Path,
    weights: Any = None,
    options: ExportOptions | None = None,
    *,
    verify: bool = True,
) -> Export:
    """Writes a network as ONNX and, unless that is declined, shows that the file computes the same.

    Without `weights` a graph gets those that torch starts with; a module has its own. Two files, where the time is
    split off, are shown to compute the same together. Raises WeightsError, ExportError, and VerificationError when the
    file departs: it names the node, and what was at `path` stays there.
    """
    from archgraph.export import ExportOptions, stage_network

    start, options = time.perf_counter(), options or ExportOptions()
    if options.split_time:
        require_own_branch(path)
    graph, module = _parts(source)
    graph = fixed(graph, options.sizes)
    if verify:
        _refuse_inputs(graph)
        require_true_contracts(graph)
    held = None if weights is None else fitted(network_of(graph), weights)
    if module is None and (verify or held is None or held.fresh):
        module = _compiled(source, held)
    if held is not None:
        held, options = held.completed(module), replace(options, origin=held.digests())
    with staged(path) as stage:
        report = stage_network(stage, graph, held if held is not None else module, options)
        certificate = _shown(graph, module, stage) if verify and module is not None else None
        stage.publish()
    return Export(report, certificate, time.perf_counter() - start)


def _shown(graph: Graph, module: nn.Module, stage: Stage) -> Certificate:
    """The certificate of a staged model, which is staged too. A model that departs is put where it does no harm."""
    certificate = _examined(graph, module, stage.readable())
    stage.write(certificate_of(stage.path), certificate.data())
    if certificate.equal:
        return certificate
    rejected, hooks = stage.reject(), _hooked(module)
    head = Problem(
        f"{stage.path} would not compute what {graph.title} computes, and was not written",
        received=f"a module with hooks, which no file can have: {', '.join(hooks[:5])}" if hooks else "",
        hint="remove the hooks" if hooks else f"the rejected file and its certificate are in {rejected}/ for a look",
        notes=tuple(
            (f"{used.package} {used.version} brings {', '.join(used.operations)}", None)
            for used in plugins_in(graph)
            if used.operations
        ),
    )
    raise VerificationError(head, *certificate.problems)


def _hooked(module: nn.Module) -> list[str]:
    """The modules with hooks that may change what they compute."""
    return [
        name or type(module).__name__
        for name, child in module.named_modules()
        if child._forward_hooks or child._forward_pre_hooks
    ]


def _parts(source: Graph | nn.Module) -> tuple[Graph, nn.Module | None]:
    from archgraph.graph.types import Graph

    if isinstance(source, Graph):
        return source, None
    from archgraph.codegen import graph_of, unwrapped

    return graph_of(source), unwrapped(source)


def _compiled(graph: Any, weights: Any) -> nn.Module:
    from archgraph.codegen import to_torch

    return to_torch(graph, weights=weights)


def verify(source: Graph | nn.Module, path: str | Path, weights: Any = None) -> Certificate:
    """Shows that an exported file computes what a module (or a graph with weights) computes.

    Stores the certificate next to the file, also when they differ. Raises VerificationError that names the first node
    that departs, and WeightsError for a module whose weights are not those of its graph.
    """
    graph, module = _parts(source)
    chosen = module if module is not None else _compiled(graph, weights)
    return verify_file(graph_in(Path(path), graph), chosen, Path(path))


def verify_file(graph: Graph, module: nn.Module, path: Path) -> Certificate:
    """See `verify`. Raises WeightsError for a module whose weights are not those of the graph."""
    _refuse_inputs(graph)
    require_true_contracts(graph)
    MatchedWeights(graph, module)
    certificate = _examined(graph, module, path)
    stored = certificate.write(path)
    if not certificate.equal:
        head = Problem(
            f"{path} does not compute what {graph.title} computes",
            hint=f"the file and {stored.name} are left for a look; do not use the file",
        )
        raise VerificationError(head, *certificate.problems)
    return certificate


def _refuse_inputs(graph: Graph) -> None:
    """Raises VerificationError for inputs in bfloat16."""
    problems = [
        Problem(
            f"the input '{value.name}' is in bfloat16, and ONNX Runtime on a CPU has no kernels to prove a file in it",
            value.origin.mark,
            value.name,
            expected="float32, float16 or float64",
            hint="declare it as float32, and `export --dtype bfloat16` computes in bfloat16; or --no-verify",
        )
        for value in graph.inputs
        if value.dtype == "bfloat16"
    ]
    if problems:
        raise VerificationError(*problems)


def _examined(graph: Graph, module: nn.Module, path: Path) -> Certificate:
    from archgraph.verify.examination import Examination

    problems: tuple[Problem, ...] = ()
    examination = Examination(graph, module, path)
    try:
        problems = tuple(examination.run())
    except VerificationError as error:
        problems = error.problems
    return Certificate(
        file=path.name,
        sha256=file_digest(path),
        data_sha256=data_digest(path),
        branch=branch_digests(path),
        trajectory=examination.trajectory,
        spec_sha256=spec_digest(graph),
        title=graph.title,
        versions=versions() | {used.package: used.version for used in plugins_in(graph)},
        weights=len(examination.program.initializers),
        folded=examination.program.folded,
        measured=tuple(examination.measured),
        problems=problems,
        defined=examination.defined,
        dtype=examination.dtype,
        inputs=tried(graph),
        not_finite=not_finite(examination.state),
    )
