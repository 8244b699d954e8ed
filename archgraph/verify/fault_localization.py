"""Where the outputs of a file depart, or may hide that it does: each node by itself, once for each of the trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from archgraph.artifact.arrays import Array
from archgraph.errors import Problem
from archgraph.graph.types import Graph
from archgraph.verify.cases import Case
from archgraph.verify.tolerance import Measured

Trial: TypeAlias = "tuple[Case, Mapping[str, Array]]"


@dataclass(slots=True)
class Localization:
    """A file whose weights are those of `state`; `values` maps paths of the graph to names in the file."""

    graph: Graph
    model: Path
    values: Mapping[str, str]
    state: Mapping[str, Array]
    trials: Sequence[Trial]
    dtype: str
    _found: dict[int, Problem | None] = field(default_factory=dict)

    def problems(self, results: Sequence[Measured], case: Case) -> Iterator[Problem]:
        """What is wrong with the results of one run: an output beyond its bound, with the node where that begins.

        Where a bound is met that is too wide to show anything, or met thanks to what rounding can reach, a node that
        departs by itself is wrong as well.
        """
        wide = self.dtype == "float32" or any(item.errors.reach_mean for item in results)
        if all(item.errors.sharp or (item.ok and not wide) for item in results):
            return
        breaches = [_breach(item) for item in results if not item.ok]
        yield from breaches
        cause = self._cause(case)
        if cause is not None:
            yield cause
        elif breaches:
            yield _elsewhere(results[0].run.optimised)

    def _cause(self, case: Case) -> Problem | None:
        """The first node that departs in a case, or else in another one: long sums, which may be off by more, are short
        at the smallest sizes."""
        for trial in sorted(self.trials, key=lambda trial: trial[0].seed != case.seed):
            seed = trial[0].seed
            if seed not in self._found:
                self._found[seed] = self._first(trial)
            if self._found[seed] is not None:
                return self._found[seed]
        return None

    def _first(self, trial: Trial) -> Problem | None:
        """The first node that departs, or why it cannot be looked for."""
        from archgraph.verify.node_comparison import first_departure

        try:
            found = first_departure(self.graph, self.model, self.values, self.state, trial, self.dtype)
        except Exception as error:  # of torch or of ONNX Runtime, about a single node
            return unnamed(error)
        return None if found is None else found.problem()


def unnamed(error: Exception) -> Problem:
    """That nodes cannot be looked at one by one, and why not."""
    said = " ".join(str(error).split())[:300]
    return Problem("the nodes cannot be compared one by one", received=f"{type(error).__name__}: {said}")


def _breach(item: Measured) -> Problem:
    return Problem(
        f"the output '{item.output}' departs ({item.run})", expected=item.errors.allowed, received=item.errors.found
    )


def _elsewhere(optimised: bool) -> Problem:
    """That no node departs by itself."""
    if optimised:
        return Problem("each node by itself does what torch does: only the optimised file departs")
    return Problem("each node by itself does what torch does: the compiled module computes something else")
