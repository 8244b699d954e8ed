"""Names of the blocks that one class of modules becomes: where their contents differ, they are called after these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archgraph.graph.types import Call
from archgraph.importing.writing.classes.templates import BodyTemplate
from archgraph.importing.writing.modules.naming import block_name, unhidden_name
from archgraph.language.library import standard_blocks
from archgraph.structure.unification import UnifiedClass

_OPTION, _IS = "use_", "is_"


def block_words(groups: Sequence[UnifiedClass[BodyTemplate]], containers: frozenset[str], family: str) -> list[str]:
    """What each of the blocks that one class of modules becomes is called: as the class; of several, with its content,
    without an option, or with what its author says it is; after the `family` where it would hide a standard block."""
    found: list[str] = []
    for group, content in zip(groups, _words_of_contents(groups, containers), strict=True):
        others = [one for one in groups if one is not group]
        shorter = "" if content else _without_option(group, others)
        content = content or _kind(group, others)
        class_name = next(one.call.block for one in group.templates if one.call is not None)
        plain = shorter or unhidden_name(class_name)
        word = f"{plain}_{content}" if content else plain
        found.append(f"{family}_{word}" if family and word in standard_blocks() else word)
    return found


def _words_of_contents(groups: Sequence[UnifiedClass[BodyTemplate]], containers: frozenset[str]) -> Sequence[str]:
    """What each of several blocks holds, as a word: the module at a place where each holds one of another class, as
    Residual(Conv), Residual(FeedForward); '' where there is no such place. Containers and lists say nothing."""
    rows = [_modules(group.fullest) for group in groups]
    for place in rows[0] if len(rows) > 1 else ():
        words = [row.get(place, "") for row in rows]
        if all(words) and len(set(words)) == len(words) and containers.isdisjoint(words):
            return [block_name(word) for word in words]
    return [""] * len(groups)


def _kind(group: UnifiedClass[BodyTemplate], others: Sequence[UnifiedClass[BodyTemplate]]) -> str:
    """What the author says that these instances are and no others: `first` of those with `is_first`; '' of others."""
    rows = [_options(other, _IS) for other in others]
    kinds = (name for name, taken in _options(group, _IS).items() if taken)
    return next((name.removeprefix(_IS) for name in kinds if rows and all(row.get(name) is False for row in rows)), "")


def _without_option(group: UnifiedClass[BodyTemplate], others: Sequence[UnifiedClass[BodyTemplate]]) -> str:
    """The name of a class without the word of an option that none of these instances takes and all others do: those of
    RepDepthwiseSeparable without `use_rep` are depthwise_separable. '' where there is no such option."""
    word = unhidden_name(next(one.call.block for one in group.templates if one.call is not None))
    for option, taken in _options(group).items():
        shorter = word.removeprefix(f"{option.removeprefix(_OPTION)}_")
        if shorter != word and not taken and others and all(_options(other).get(option) for other in others):
            return shorter
    return ""


def _options(group: UnifiedClass[BodyTemplate], start: str = _OPTION) -> Mapping[str, bool]:
    """The options of an author that are the same in all instances, whose names begin so."""
    rows = [one.call.arguments for one in group.templates if one.call is not None]
    names = [name for name, value in rows[0].items() if name.startswith(start) and type(value) is bool]
    return {name: rows[0][name] for name in names if all(row.get(name) is rows[0][name] for row in rows)}


def _modules(template: BodyTemplate) -> Mapping[str, str]:
    """The class of the module, or the operation, at each place of a body that is no list."""
    return {
        item.name: item.block if isinstance(item, Call) else item.op.name
        for item in template.body.items
        if (isinstance(item, Call) or item.weights) and "." not in item.name
    }
