"""A block that is applied to each slice of a sequence in turn: a loop, written once for the file."""

from __future__ import annotations

from collections.abc import Sequence

from archgraph.codegen.analysis.terms import call, item, keyword, sequence, text
from archgraph.codegen.rules.registry import define
from archgraph.graph.scan import Scan
from archgraph.structure.terms import Term, number

define(
    "scan",
    '''
def scan(
    step: nn.Module,
    inputs: tuple[Tensor, ...],
    dims: tuple[int | None, ...],
    states: tuple[int | None, ...],
    dim: int,
) -> tuple[Tensor, ...]:
    """Applies `step` to each slice in turn. An input with a dimension in `dims` is read slice by
    slice; an output with a number in `states` is what the input of that number holds in the next
    step, any other is stacked along `dim`.
    """
    held = list(inputs)
    stacks: list[list[Tensor]] = [[] for _ in states]
    length = next(x.shape[axis] for x, axis in zip(inputs, dims) if axis is not None)
    for t in range(length):
        found = step(*[x if axis is None else x.select(axis, t) for x, axis in zip(held, dims)])
        results = [found] if isinstance(found, Tensor) else found
        for result, state, stack in zip(results, states, stacks):
            if state is None:
                stack.append(result)
            else:
                held[state] = result
    outputs = zip(states, stacks)
    return tuple(
        torch.stack(stack, dim) if state is None else held[state] for state, stack in outputs
    )
''',
)


def scanned(path: str, given: Sequence[Term], how: Scan) -> Term:
    """The application of a module step by step. Sizes that its forward takes are the same in each step."""
    dims = (*how.dims, *[None] * (len(given) - len(how.dims)))
    found = call(
        "scan",
        Term("module", path),
        sequence(*given),
        keyword("dims", number("dims", dims)),
        keyword("states", number("states", how.states)),
        keyword("dim", number("dim", how.dim)),
    )
    return found if len(how.states) > 1 else item(found, text("0"))
