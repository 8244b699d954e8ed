"""The proof of an import: the same keys in the same order, and equal outputs at several sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from archgraph.codegen import to_torch, written
from archgraph.codegen.load import instantiate
from archgraph.errors import ImportingError
from archgraph.graph.types import Graph, joined
from archgraph.importing.proof.drawn_weights import DrawnWeights, is_large
from archgraph.importing.proof.first_difference import first_difference
from archgraph.importing.proof.float64_evaluation import float64_evaluation
from archgraph.importing.proof.output_differences import TOLERANCE, differences, hides_tokens
from archgraph.importing.proof.rounded_tables import RoundedTable, with_exact_tables
from archgraph.importing.proof.shared_weights import copy_with_weights
from archgraph.importing.proof.training_runs import training_without_chance
from archgraph.verify.cases import Case, cases, random_weights
from archgraph.verify.trial_inputs import inputs_of

_STATISTICS = ("running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Parity:
    """What was compared. `sizes` are those of each trial, `differences` the largest of its outputs, `refused` what the
    module itself does not take."""

    keys: int
    sizes: tuple[Mapping[str, int], ...]
    differences: tuple[float, ...]
    refused: tuple[str, ...] = ()
    training: float | None = None
    """The largest difference in training, at the last sizes: of all outputs, and of the statistics of norms afterwards.
    None where training was not compared."""
    undefined: int = 0
    """How many numbers of the module's outputs were nan where torch's attention was left no token, and are not here."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What differs, and why that is no other function."""
        told = (
            f"where a mask hides all tokens, the module's attention makes nan ({self.undefined} numbers in trials), "
            "since it makes its weights too; the spec has zeros there, as torch has with need_weights=False"
        )
        return (told,) if self.undefined else ()

    @property
    def difference(self) -> float:
        """The largest of all."""
        return max(*self.differences, self.training or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "keys": self.keys,
            "sizes": [dict(sizes) for sizes in self.sizes],
            "differences": list(self.differences),
            "largest_difference": self.difference,
            "training": self.training,
            "undefined": self.undefined,
            "refused": list(self.refused),
        }


def prove(
    graph: Graph,
    module: torch.nn.Module,
    inputs: Mapping[str, Any] | None = None,
    training: Sequence[int] | None = None,
    tables: Sequence[RoundedTable] = (),
    arguments: Mapping[str, str] = MappingProxyType({}),
) -> Parity:
    """Compares a graph with the module that it was made from, in float64 with random weights and norm statistics.

    `inputs` are the module's arguments; those that are no inputs of the graph are handed to it as they are. `training`
    are the places of the graph's outputs among those of the module in training, where training is compared too.
    `tables` are compared apart from this: the module reads them as the graph makes them. `arguments` are the names that
    the graph's inputs have in the module's forward, where they have other ones.

    Raises ImportingError for keys or outputs that differ.
    """
    if is_large(graph) and not _on_meta(module):
        with suppress(Exception):  # what cannot be read so, or differs, is decided on weights that are held
            return _compared(graph, _drawn_pair(graph, module, tables), inputs or {}, training, arguments)
    return _compared(graph, _held_pair(graph, module, tables), inputs or {}, training, arguments)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The network of a graph and a copy of the module, with the same weights.

    Where these are `drawn`, a size that the module refuses is an error: it may have another reason.
    """

    ours: torch.nn.Module
    theirs: torch.nn.Module
    drawn: DrawnWeights | None = None

    def run(self, network: torch.nn.Module, inputs: Mapping[str, Any]) -> Any:
        """What one of both computes."""
        with float64_evaluation(self.drawn):
            return network(**inputs)


def _held_pair(graph: Graph, module: torch.nn.Module, tables: Sequence[RoundedTable] = ()) -> _Pair:
    with float64_evaluation():  # constants keep the digits that the spec has
        ours = to_torch(graph)
    _require_keys(list(module.state_dict()), list(ours.state_dict()))
    _draw_weights(ours, graph, {} if _on_meta(module) else dict(_stored(module)))
    return _Pair(ours, _with_weights_of(ours, module, tables))


def _drawn_pair(graph: Graph, module: torch.nn.Module, tables: Sequence[RoundedTable] = ()) -> _Pair:
    """Both networks with parameters that have no contents; buffers are held."""
    with float64_evaluation():
        ours = instantiate(graph, written(graph), None)
    _require_keys(list(module.state_dict()), list(ours.state_dict()))
    drawn, stored = DrawnWeights(graph), dict(_stored(module))
    for path, inner in ours.named_modules():
        for name, buffer in inner._buffers.items():
            key = joined(path, name)
            if buffer is not None and buffer.is_meta:
                inner._buffers[name] = stored[key].clone() if key in stored else drawn.drawn(key)
    ours.double().eval()
    theirs = _with_weights_of(ours, module, tables)
    drawn.stand_in(ours)
    drawn.stand_in(theirs)
    return _Pair(ours, theirs, drawn)


def _compared(
    graph: Graph,
    pair: _Pair,
    inputs: Mapping[str, Any],
    training: Sequence[int] | None,
    arguments: Mapping[str, str],
) -> Parity:
    read = {arguments.get(value.name, value.name) for value in graph.inputs}
    fixed = {name: value for name, value in inputs.items() if name not in read}
    tried: list[Mapping[str, int]] = []
    refused: list[str] = []
    found: list[float] = []
    undefined = 0
    hides = hides_tokens(graph, pair.theirs)
    for case in cases(graph):
        given = {name: _double(value) for name, value in inputs_of(graph, case).items()}
        trial = _ComparedRun(pair, given, fixed, case, arguments)
        wanted = trial.wanted(refused)
        if wanted is None:
            continue
        try:
            made = list(differences(wanted, trial.found(), str(dict(case.sizes)), hides))
        except ImportingError as error:
            raise _located(error, trial) from None
        if len(made) < len(wanted):
            refused.append(f"{_words(case)}: an output holds nothing but nan and infinities")
            continue
        tried.append(case.sizes)
        found.append(max((one.largest for one in made), default=0.0))
        undefined += sum(one.undefined for one in made)
    if not tried:
        raise ImportingError("nothing can be compared at the sizes that its graph takes", received=refused[0])
    trained = None if training is None else _trained(trial, training, refused, hides)
    keys = len(pair.ours.state_dict())
    return Parity(keys, tuple(tried), tuple(found), tuple(refused), trained, undefined)


def _draw_weights(ours: torch.nn.Module, graph: Graph, kept: Mapping[str, torch.Tensor]) -> None:
    """Random weights for a network in float64; what is kept means what it says."""
    state = random_weights(graph, {key: value.numpy() for key, value in ours.state_dict().items()})
    ours.load_state_dict({key: torch.from_numpy(np.array(value)) for key, value in state.items()} | dict(kept))
    ours.double().eval()


def _with_weights_of(ours: torch.nn.Module, module: torch.nn.Module, tables: Sequence[RoundedTable]) -> torch.nn.Module:
    """A copy of the module with all tensors of a network; the parameters are shared."""
    state = ours.state_dict()
    theirs = copy_with_weights(module, state)
    theirs.double().eval()
    with_exact_tables(theirs, tables)
    theirs.load_state_dict(_versioned(state, theirs))
    return theirs


@dataclass(frozen=True, slots=True)
class _ComparedRun:
    """Both networks, and what they read at the sizes of a case; the module also reads what is `fixed`, and calls the
    others as `arguments` says."""

    pair: _Pair
    given: Mapping[str, torch.Tensor]
    fixed: Mapping[str, Any]
    case: Case
    arguments: Mapping[str, str]

    @property
    def given_to_module(self) -> Mapping[str, Any]:
        """What the module reads, under the names of its forward, which may change what it reads."""
        own = {self.arguments.get(name, name): value.clone() for name, value in self.given.items()}
        return {**own, **self.fixed}

    def wanted(self, refused: list[str]) -> list[torch.Tensor] | None:
        """The module's outputs; None where it does not take these sizes, which is noted."""
        try:
            return _flat(self.pair.run(self.pair.theirs, self.given_to_module))
        except Exception as error:
            if self.pair.drawn is not None:
                raise
            refused.append(f"{_words(self.case)}: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
            return None

    def found(self) -> list[torch.Tensor]:
        """The outputs of the graph's network."""
        return _flat(self.pair.run(self.pair.ours, self.given))


def _trained(trial: _ComparedRun, places: Sequence[int], refused: list[str], hides: bool) -> float | None:
    """The largest difference in training, of the outputs and of the running statistics afterwards; None where the
    module refuses to be in training at these sizes, or computes nothing but nan."""
    with training_without_chance(trial.pair.theirs):
        wanted = trial.wanted(refused)
    if wanted is None:
        return None
    with training_without_chance(trial.pair.ours):
        found = trial.found()
    ordered = [wanted[place] for place in places if place < len(wanted)] + wanted[len(places) :]
    theirs, ours = (_statistics(network) for network in (trial.pair.theirs, trial.pair.ours))
    sizes = str(dict(trial.case.sizes))
    try:
        made = list(differences([*ordered, *theirs], [*found, *ours], sizes, hides))
        return max((one.largest for one in made), default=0.0) if len(made) == len(ordered) + len(theirs) else None
    except ImportingError as error:
        raise ImportingError(replace(error.problems[0], message=f"in training, {error.problems[0].message}")) from None


def _words(case: Case) -> str:
    return ", ".join(f"{name} = {size}" for name, size in case.sizes.items())


def _statistics(module: torch.nn.Module) -> list[torch.Tensor]:
    """The running statistics of norms, under their keys."""
    state = module.state_dict()
    return [state[key] for key in state if key.rpartition(".")[2] in _STATISTICS]


def _versioned(state: Mapping[str, torch.Tensor], module: torch.nn.Module) -> Mapping[str, torch.Tensor]:
    """A state dict with the versions of the module's classes, without which some read it as one of an older release."""
    own = module.state_dict()
    own.update(state)
    return own


def _require_keys(theirs: Sequence[str], ours: Sequence[str]) -> None:
    if list(theirs) == list(ours):
        return
    missing = [key for key in theirs if key not in set(ours)]
    extra = [key for key in ours if key not in set(theirs)]
    if missing or extra:
        raise ImportingError(
            "the state dict is another one" + ("; weights that evaluation never reads are missing" if missing else ""),
            expected=", ".join(missing[:6]) or "no more keys",
            received=", ".join(extra[:6]) or "none of these keys",
        )
    first = next(place for place, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    raise ImportingError("the keys stand in another order", expected=theirs[first], received=ours[first])


def _located(error: ImportingError, trial: _ComparedRun) -> ImportingError:
    """The error with the path of the module at which outputs depart."""
    pair, given = trial.pair, trial.given
    arguments = {id(pair.theirs): trial.given_to_module, id(pair.ours): given}
    path = first_difference(
        pair.theirs, pair.ours, lambda network: pair.run(network, arguments[id(network)]), TOLERANCE
    )
    problem = error.problems[0]
    return ImportingError(replace(problem, received=f"{problem.received}, first at {path}")) if path else error


def _flat(result: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(result)
    return [leaf.detach() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _double(value: Any) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(value))
    return tensor.double() if tensor.is_floating_point() else tensor


def _stored(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Buffers that mean what they say: all but the statistics of norms."""
    keys = set(module.state_dict())
    for key, value in module.named_buffers():
        if key in keys and key.rpartition(".")[2] not in _STATISTICS:
            yield key, value


def _on_meta(module: torch.nn.Module) -> bool:
    return any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
