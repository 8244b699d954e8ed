"""A torch module as a flat program by torch.export, with every size free that torch can keep free."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

from archgraph.errors import ImportingError
from archgraph.importing.conversion.constant_folding import fold_read_numbers
from archgraph.importing.conversion.mutations import require_kept_weights
from archgraph.importing.sources.input_descriptions import Sizes
from archgraph.importing.sources.unsuitable_modules import require_registered
from archgraph.importing.tracing.forward_arguments import ForwardArguments, noted_arguments
from archgraph.importing.tracing.free_sizes import LEVELS, FreeDimensions, free_sizes
from archgraph.importing.tracing.known_multiples import Multiple, known_multiples
from archgraph.importing.tracing.known_values import known_values, notes_on_known_values
from archgraph.importing.tracing.recurrent_shapes import whole_recurrences
from archgraph.importing.tracing.returned_values import named_values, output_names
from archgraph.importing.tracing.rounded_sizes import rounded_sizes
from archgraph.importing.tracing.sizes_as_numbers import sizes_as_numbers
from archgraph.importing.tracing.sizes_read_as_numbers import (
    NotedNumbers,
    free_numbers,
    noted_numbers,
    notes_on_numbers,
)
from archgraph.importing.tracing.stochastic_depth import marked_stochastic_depth
from archgraph.importing.tracing.tied_weights import read_under_one_name, read_without_conversions
from archgraph.importing.tracing.tracing_budget import limited_trace
from archgraph.importing.tracing.tracing_errors import UntraceableError, require_no_values, tracing_error
from archgraph.importing.tracing.tracing_logs import without_tracing_logs
from archgraph.importing.tracing.training_mode import set_training
from archgraph.importing.tracing.unchanged_module import unchanged
from archgraph.importing.tracing.untraced_forms import untraced_forms
from archgraph.importing.tracing.wrapped_regions import without_regions

_MOST_ROUNDS = 2
"""Traces in which sources that ask for sizes as numbers are handed sizes: one may hand its sizes to the next."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A module and its program.

    `inputs` are the placeholders of what the module reads, by name, those that it ignores left out; `weights` those of
    its parameters and buffers, with their keys; `constants` those of tensors that are no part of its state, to which a
    translation adds those that it computes.
    `evaluation` are the names of those outputs that evaluation returns, in its order; the others are training's.
    """

    module: torch.nn.Module
    program: ExportedProgram
    inputs: Mapping[str, fx.Node]
    weights: Mapping[fx.Node, str]
    constants: dict[fx.Node, torch.Tensor]
    outputs: Mapping[str, fx.Node]
    evaluation: tuple[str, ...]
    arguments: ForwardArguments
    multiples: tuple[Multiple, ...] = ()
    """What sizes are multiples of, since the module's code asks for it."""
    notes: tuple[str, ...] = ()
    """Which sizes became numbers, and which stored values decided, each with the line of the module's code."""


def capture(
    module: torch.nn.Module,
    inputs: Mapping[str, Any],
    free: FreeDimensions,
    declared: Mapping[str, Sizes] | None = None,
    evaluation: Sequence[int] | None = None,
    checked: bool = False,
) -> Capture:
    """The program of a module, traced on example inputs, with these dimensions left free.

    It is that of evaluation, or that of training where `evaluation` gives the places of evaluation's outputs among
    those of training. Sizes that are declared as numbers are never free. `checked` where the module runs on the shapes
    of these inputs.

    Raises ImportingError for what torch.export cannot trace.
    """
    if evaluation is None:
        module.eval()
    else:
        set_training(module, norms=False)
    shapes = {name: free_sizes(value, free, (declared or {}).get(name, ())) for name, value in inputs.items()}
    found, noted = _captured(module, inputs, shapes, evaluation, free, checked)
    with ExitStack() as stack, suppress(ImportingError):  # a size that is counted in Python stays a number
        for _ in range(_MOST_ROUNDS):
            if not noted.can_be_free:
                break
            stack.enter_context(free_numbers(noted))
            found, noted = _captured(module, inputs, shapes, evaluation, free, checked)
    return replace(found, notes=(*notes_on_numbers(found.inputs, declared or {}, free, noted), *found.notes))


def _captured(
    module: torch.nn.Module,
    inputs: Mapping[str, Any],
    shapes: Mapping[str, Any],
    evaluation: Sequence[int] | None,
    free: FreeDimensions,
    checked: bool,
) -> tuple[Capture, NotedNumbers]:
    """The program, and the lines that ask for sizes as numbers."""
    with warnings.catch_warnings(), noted_arguments(module) as arguments, ExitStack() as stack:
        warnings.simplefilter("ignore")
        stack.enter_context(untraced_forms(inputs, checked))
        stack.enter_context(rounded_sizes())
        stack.enter_context(whole_recurrences())
        stack.enter_context(sizes_as_numbers(module))
        known = stack.enter_context(known_values(module))
        noted = stack.enter_context(noted_numbers(module))
        multiples = stack.enter_context(known_multiples(module))
        if free is LEVELS[0]:
            stack.enter_context(limited_trace(module))
        stack.enter_context(without_tracing_logs())
        stack.enter_context(unchanged(module))
        stack.enter_context(marked_stochastic_depth(module))
        try:
            program = torch.export.export(module, (), dict(inputs), dynamic_shapes=dict(shapes), strict=False)
        except Exception as error:
            raise tracing_error(module, error) from error
    found = _arranged(module, program, inputs, arguments, evaluation)
    return replace(found, multiples=tuple(multiples.found), notes=tuple(notes_on_known_values(known))), noted


def _arranged(
    module: torch.nn.Module,
    program: ExportedProgram,
    inputs: Mapping[str, Any],
    arguments: ForwardArguments,
    evaluation: Sequence[int] | None,
) -> Capture:
    without_regions(program.graph_module)
    outputs = _named_outputs(program)
    if not outputs:
        raise UntraceableError(
            f"{type(module).__name__} returns no tensor",
            expected="a tensor, or several in a tuple, a dict or a dataclass",
        )
    signature = program.graph_signature
    placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    keys = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
    kept = {placeholders[name]: key for name, key in keys.items() if key not in signature.non_persistent_buffers}
    lifted = {
        **{name: program.constants[key] for name, key in keys.items() if key in signature.non_persistent_buffers},
        **{name: program.constants[key] for name, key in signature.inputs_to_lifted_tensor_constants.items()},
    }
    require_registered(module, lifted)
    constants = {placeholders[name]: value for name, value in lifted.items()}
    fold_read_numbers(program.graph, constants)
    require_no_values(module, program.graph)
    if not module.training:
        require_kept_weights(program.graph, kept)
    read_without_conversions(program.graph, kept)
    read_under_one_name(module, program.graph, kept)
    flat = [placeholders[name] for name in signature.user_inputs if name in placeholders]
    names = [name for name, value in inputs.items() if isinstance(value, torch.Tensor)]
    tensors = [node for node in flat if isinstance(node.meta.get("val"), torch.Tensor)]
    words = tuple(outputs)
    return Capture(
        module=module,
        program=program,
        inputs={name: node for name, node in zip(names, tensors, strict=True) if node.users},
        weights=kept,
        constants=constants,
        outputs=outputs,
        evaluation=words if evaluation is None else tuple(words[place] for place in evaluation),
        arguments=arguments,
    )


def _named_outputs(program: ExportedProgram) -> dict[str, fx.Node]:
    """The values that the module returns, by the names of its dict or dataclass; one value has none but in a dict."""
    returned = next(node for node in program.graph.nodes if node.op == "output").args[0]
    whole = torch.utils._pytree.tree_unflatten(list(returned), program.call_spec.out_spec)
    values = named_values("", whole, fx.Node)
    found = [(path, node) for path, node in values if isinstance(node.meta.get("val"), torch.Tensor)]
    paths = [path for path, _ in found]
    names = paths if len(paths) == 1 and type(whole) is dict else output_names(paths)
    return dict(zip(names, (node for _, node in found), strict=True))
