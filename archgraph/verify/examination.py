"""One examination of a file: its weights by value, then its outputs under weights that hide nothing and its own."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from archgraph.artifact.arrays import Array
from archgraph.artifact.metadata_check import entries_of, misstatements
from archgraph.artifact.metadata_keys import DTYPE, FLOAT32, FOLDED, PROFILE, TIME_BRANCH
from archgraph.errors import ArchgraphError, ExportError, ModelFileError, Problem, VerificationError
from archgraph.export.lowering.emit import emit, output_names
from archgraph.export.lowering.program import ELEMENT_TYPES, SINGLE, Initializer, Program
from archgraph.export.passes.time_branch import split
from archgraph.export.profiles import Profile, profile_named
from archgraph.export.serialization.weights import LOW
from archgraph.graph.keys import weights
from archgraph.graph.types import Graph
from archgraph.verify.cases import cases, random_weights
from archgraph.verify.fault_localization import Localization, unnamed
from archgraph.verify.low_precision import dtype_of, unrounded
from archgraph.verify.operator_definitions import defined, has_kernels, runnable
from archgraph.verify.reference_values import Reference, in_dtype, references
from archgraph.verify.time_branch import composed, runner
from archgraph.verify.tolerance import Measured, Run, says_nothing
from archgraph.verify.trajectory import Trajectory, trajectory
from archgraph.verify.trial_inputs import inputs_of
from archgraph.verify.weight_comparison import differences, widened, with_weights
from archgraph.weights.memory import arrays, module_tensors

if TYPE_CHECKING:
    from torch import nn

RANDOM, OWN, UNROUNDED = "random", "own", "unrounded random"
OPTIMISATIONS = {RANDOM: (False, True), OWN: (True,), UNROUNDED: (False,)}
"""With which of them a file is run; what is not rounded stands for the operators as they are in the file."""


class Examination:
    """What is looked at, and what was measured so far."""

    def __init__(self, graph: Graph, module: nn.Module, path: Path):
        self.graph, self.module, self.path = graph, module, path
        self.model = read_whole(path)
        self.program = expected_program(graph, self.model)
        self.defined, self.dtype = defined(self.model), dtype_of(self.model)
        self.measured: list[Measured] = []
        self.departed = False
        self.trajectory: Trajectory | None = None
        self.cases = cases(graph)
        self.inputs = [inputs_of(graph, case) for case in self.cases]
        self.names = list(output_names(graph).values())

    def run(self) -> Iterator[Problem]:
        """All that is wrong. Raises VerificationError where the file does not run at all."""
        yield from misstatements(self._to_be_told(), entries_of(self.model))
        yield from self._other_types()
        wrong = list(differences(self.model, self.path, self.program.initializers, self.state))
        yield from placed(wrong, self.graph)
        with tempfile.TemporaryDirectory(prefix="archgraph-") as folder:
            twin = Path(folder) / "random.onnx"
            drawn = random_weights(self.graph, self.state)
            if self.dtype != SINGLE and not _rounds_itself(self.graph):
                yield from self._unrounded(drawn, Path(folder) / "unrounded.onnx")
            if self._ok:
                self._copied(self.model, self.program.initializers, drawn, twin)
                yield from self._compare(twin, drawn, RANDOM, range(len(self.cases)))
        if not wrong and self._ok:
            yield from self._compare(self.path, self.state, OWN, range(len(self.cases))[-1:])
            yield from self._finite()
            yield from self._sampled()

    def _other_types(self) -> Iterator[Problem]:
        """Outputs of the file that are in another element type than the network's."""
        words = {number: word for word, number in ELEMENT_TYPES.items()}
        for output in self.model.graph.output:
            kind = self.program.outputs.get(output.name)
            found = output.type.tensor_type.elem_type
            if kind is not None and found != ELEMENT_TYPES[kind.dtype]:
                yield Problem(
                    f"the output '{output.name}' of the file has another element type than the network's",
                    expected=kind.dtype,
                    received=words.get(found, str(found)),
                )

    def _to_be_told(self) -> dict[str, str]:
        """The metadata that the file should have; where its time branch is apart, that of the main file."""
        from archgraph.export.serialization.protobuf import metadata

        parts = split(self.program) if TIME_BRANCH.key in entries_of(self.model) else None
        return metadata(self.graph, self.program if parts is None else parts.main, profile_of(self.model))

    def _unrounded(self, drawn: Mapping[str, Array], twin: Path) -> Iterator[Problem]:
        """The operators of a low type in float32: what that type rounds away would hide faults that are smaller."""
        items = {name: widened(item) for name, item in self.program.initializers.items()}
        self._copied(unrounded(self.model, self.program), items, drawn, twin)
        yield from self._compare(twin, drawn, UNROUNDED, range(len(self.cases)), SINGLE)
        twin.unlink()

    @property
    def _ok(self) -> bool:
        """Whether all that was measured so far is within its bounds, and no node departs by itself."""
        return not self.departed and all(item.ok for item in self.measured)

    def _finite(self) -> Iterator[Problem]:
        """A low type has a small range: what leaves it may be hidden by what follows."""
        from archgraph.verify.node_comparison import first_infinite

        if self.dtype != SINGLE and self._ok:
            trial = (self.cases[-1], self.inputs[-1])
            try:
                found = first_infinite(self.graph, self.path, self.program.results, self.state, trial)
            except Exception as error:  # of torch or of ONNX Runtime, about a single node
                found = unnamed(error)
            yield from () if found is None else (found,)

    def _copied(self, model: Any, items: Mapping[str, Initializer], drawn: Mapping[str, Array], twin: Path) -> None:
        """The same file under other weights. Raises ExportError where there is no room for it."""
        try:
            with_weights(model, self.graph, items, drawn, twin)
        except OSError as error:
            raise ExportError(
                f"{self.path} cannot be compared: {error.strerror or error}",
                hint=f"a copy of it is written to {tempfile.gettempdir()}; TMPDIR names another folder",
            ) from None

    @cached_property
    def state(self) -> dict[str, Array]:
        """The module's weights."""
        return arrays(module_tensors(self.module))

    def _compare(
        self, model: Path, state: Mapping[str, Array], kind: str, chosen: range, dtype: str = ""
    ) -> Iterator[Problem]:
        """Runs the file and a copy of the module under these weights. A breach is traced to its node."""
        from archgraph.verify.rounding_reach import judged

        dtype = dtype or self.dtype
        inputs = [self.inputs[i] for i in chosen]
        found = self._references(state, inputs, dtype)
        trials = [(self.cases[i], self.inputs[i]) for i in chosen]
        nodes = Localization(self.graph, model, self.program.results, state, trials, dtype)

        def double() -> nn.Module:
            return in_dtype(self._copy(state), "float64")

        for optimised in OPTIMISATIONS[kind]:
            ran = runner(model, optimised)
            for place, i in enumerate(chosen):
                outputs, run = ran(self.inputs[i]), Run(kind, self.cases[i].sizes, optimised)
                found[place], results = judged(found[place], outputs, run, double, (self.inputs[i], dtype))
                self.measured += results
                for problem in nodes.problems(results, self.cases[i]):
                    self.departed = True
                    yield problem
                if self.departed:
                    return
        if kind == RANDOM:  # with its own weights, these may be what gives no numbers
            nothing = sorted({name for each in found for name in self.names if says_nothing(each, name)})
            yield from map(_unshown, nothing)

    def _references(
        self, state: Mapping[str, Array], inputs: Sequence[Mapping[str, Array]], dtype: str
    ) -> list[Reference]:
        """What torch computes. Raises VerificationError where it refuses to, as norms over a single value."""
        from archgraph.verify.torch_refusal import refused

        try:
            return references(self._copy(state), self.names, inputs, dtype)
        except Exception as error:  # torch raises whatever Python has, an IndexError for a row that is not there
            tried = list(zip(self.cases, self.inputs, strict=True))
            raise refused(self.graph, self._copy(state), tried, error) from None

    def _sampled(self) -> Iterator[Problem]:
        """A run of the sampler, unless an evaluation by itself is wrong already."""
        if not self._ok:
            return
        module = self._copy(self.state)
        pair = in_dtype(module, self.dtype), in_dtype(module, "float64")
        with nullcontext(self.path) if has_kernels(self.model) else runnable(self.path) as path:
            self.trajectory = trajectory(self.graph, pair, path, self.dtype)
        problem = self.trajectory.problem() if self.trajectory else None
        if problem is not None:
            yield problem

    def _copy(self, state: Mapping[str, Array]) -> nn.Module:
        import torch

        module = copy.deepcopy(self.module).cpu().float()
        module.load_state_dict({key: torch.as_tensor(np.array(value)) for key, value in state.items()})
        return module


def _rounds_itself(graph: Graph) -> bool:
    """Whether the spec converts values to a low type, which is no rounding of the file's own."""
    return any(value.type.dtype in LOW for node in graph.nodes.values() for value in node.outputs)


def _unshown(name: str) -> Problem:
    return Problem(
        f"nothing can be shown about the output '{name}': it has no finite number under random weights",
        hint="a root of a negative number, or an exponential of a large one, is on the way to all of it",
    )


def placed(problems: Iterable[Problem], graph: Graph) -> Iterator[Problem]:
    """Problems with weights, each with the line of the node that owns its weight."""
    owners = {item.key: item.node for item in weights(graph)}
    for problem in problems:
        owner = owners.get(problem.path)
        yield replace(problem, where=owner.origin.mark) if owner is not None else problem


def expected_program(graph: Graph, model: Any) -> Program:
    """What a file should be, by the profile that it names. Raises VerificationError where its metadata are damaged."""
    kept, profile = entries_of(model), profile_of(model)
    try:
        keep = FLOAT32.of(kept)
    except ModelFileError as error:
        raise VerificationError(*error.problems) from None
    return emit(graph, profile, kept.get(FOLDED.key, "{}") != "{}", DTYPE.of(kept), keep)


def profile_of(model: Any) -> Profile:
    """The profile that a model names."""
    return profile_named(PROFILE.of(entries_of(model)))


def read_whole(path: Path) -> Any:
    """The model in a file, without weights that lie beside it; with its time branch, where that is a file of its own.

    Raises ExportError, VerificationError, and ModelFileError where the time branch is not the right one.
    """
    try:
        return composed(path)
    except ArchgraphError:
        raise
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception:  # protobuf has a class of its own for bytes that are no message
        raise VerificationError(f"{path} is no ONNX file") from None
