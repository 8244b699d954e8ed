"""Which weights are trained, and at which rate: those that patterns freeze, and factors of the rate by path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from torch import Tensor, nn

from archgraph.errors import Problem, TrainingError, nearest
from archgraph.graph.keys import KeyedWeight, weights
from archgraph.graph.types import Graph
from archgraph.training.recipe import Recipe
from archgraph.weights.patterns import covers

MOST_NAMES = 8
CHANGING = ("running_mean", "running_var", "num_batches_tracked", "_u", "_v")
"""Buffers that a forward changes in training: of batch norms, and of spectral norms."""

# --- before the first step --------------------------------------------------------------------------------------------


def require_groups(graph: Graph, recipe: Recipe) -> None:
    """Raises TrainingError for a pattern of `freeze` or `rates` that decides nothing, and where all is frozen."""
    known = weights(graph)
    frozen = {item.key for item in known if covers(recipe.freeze, item.key)}
    problems = [_unknown("freeze", pattern, known) for pattern in recipe.freeze if not _matched(pattern, known)]
    problems += _useless_rates(recipe, known, frozen)
    if problems:
        raise TrainingError(*problems)
    if recipe.freeze and not any(item.weight.trainable and not _is_frozen(item, frozen) for item in known):
        raise TrainingError(
            f"train.freeze covers every weight of {graph.title}, and nothing is left to train",
            expected="some weights that no pattern covers",
            received=", ".join(recipe.freeze),
            hint=f"leave out the last layer, whose weights are {known[-1].path or known[-1].key}.*",
        )


def _matched(pattern: str, known: Iterable[KeyedWeight]) -> bool:
    return any(covers([pattern], item.key) for item in known)


def _is_frozen(item: KeyedWeight, frozen: set[str]) -> bool:
    return item.key in frozen or item.tied in frozen


def _useless_rates(recipe: Recipe, known: Sequence[KeyedWeight], frozen: set[str]) -> Iterator[Problem]:
    left = [item for item in known if item.weight.trainable and not _is_frozen(item, frozen)]
    for pattern in recipe.rates:
        if not _matched(pattern, known):
            yield _unknown("rates", pattern, known)
        elif not (mine := {item.key for item in left if covers([pattern], item.key)}):
            reason = "every weight that it covers is frozen or has been given a rate by an earlier pattern"
            yield Problem(f"train.rates has no effect on '{pattern}'", received=reason, hint="the first pattern counts")
        else:
            left = [item for item in left if item.key not in mine]


def _unknown(key: str, pattern: str, known: Sequence[KeyedWeight]) -> Problem:
    paths = list(dict.fromkeys(path for item in known for path in _ancestry(item.key)))
    top = list(dict.fromkeys(item.key.partition(".")[0] for item in known))
    listed = ", ".join(top[:MOST_NAMES]) + (", …" if len(top) > MOST_NAMES else "")
    return Problem(
        f"no weight is covered by '{pattern}' of train.{key}",
        expected=f"the path of a node, a block or a weight, or a pattern: {listed}",
        hint=nearest(pattern, paths) or nearest(pattern.split(".")[0], top) or "* stands for any text, # for a number",
    )


def _ancestry(key: str) -> Iterator[str]:
    """The path of a key and of all that hold it: `a`, `a.b`, `a.b.weight`."""
    parts = key.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


# --- in a module ------------------------------------------------------------------------------------------------------


def freeze(network: nn.Module, patterns: Sequence[str]) -> tuple[nn.Module, ...]:
    """Takes the gradient from the parameters that patterns cover. Returns the modules that must stay in evaluation.

    These are the modules whose forward changes buffers, where these are covered or all their parameters are: a frozen
    norm keeps its statistics. A tied weight is frozen where one of its keys is covered.
    """
    for key, parameter in network.named_parameters(remove_duplicate=False):
        if covers(patterns, key):
            parameter.requires_grad_(False)
    return tuple(part for path, part in network.named_modules() if patterns and _stays(path, part, patterns))


def _stays(path: str, part: nn.Module, patterns: Sequence[str]) -> bool:
    buffers = [name for name, _ in part.named_buffers(recurse=False) if name in CHANGING]
    if not buffers:
        return False
    own = [parameter for _, parameter in part.named_parameters(recurse=False)]
    keys = [f"{path}.{name}" if path else name for name in buffers]
    return any(covers(patterns, key) for key in keys) or bool(own and not any(p.requires_grad for p in own))


def optimizer_groups(network: nn.Module, recipe: Recipe) -> list[dict[str, object]]:
    """The trained parameters by rate, and by whether they decay: those with more than one dimension do."""
    found: dict[tuple[float, bool], list[Tensor]] = {}
    names: dict[int, list[str]] = {}
    for key, parameter in network.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(key)
    for parameter in network.parameters():
        if parameter.requires_grad:
            factor = _factor(names[id(parameter)], recipe)
            found.setdefault((factor, parameter.ndim > 1), []).append(parameter)
    ordered = sorted(found.items(), key=lambda item: (_place(item[0][0], recipe), not item[0][1]))
    return [
        {"params": params, "lr": recipe.lr * factor, "weight_decay": recipe.weight_decay if decays else 0.0}
        for (factor, decays), params in ordered
    ]


def _factor(keys: Sequence[str], recipe: Recipe) -> float:
    return next((rate for pattern, rate in recipe.rates.items() if any(covers([pattern], key) for key in keys)), 1.0)


def _place(factor: float, recipe: Recipe) -> int:
    return [1.0, *recipe.rates.values()].index(factor)


def trained_pairs(average: nn.Module, network: nn.Module) -> list[tuple[nn.Parameter, nn.Parameter]]:
    """The parameters of an average and of its network, without frozen ones, which are equal and stay so."""
    pairs = zip(average.parameters(), network.parameters(), strict=True)
    return [(mine, theirs) for mine, theirs in pairs if theirs.requires_grad]


def frozen_count(network: nn.Module) -> tuple[int, int]:
    """How many parameters are frozen, of how many."""
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    return frozen, sum(p.numel() for p in network.parameters())


def evaluating(modules: Iterable[nn.Module]) -> None:
    """Frozen norms normalize with the statistics that they have, and leave them as they are."""
    for part in modules:
        part.training = False
