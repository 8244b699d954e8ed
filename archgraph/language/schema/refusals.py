"""How what a spec may not hold is refused: all problems of a value in one error, each with its place below it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from pydantic_core import PydanticCustomError

from archgraph.errors import ArchgraphError, SchemaError, nearest

Path = tuple[str | int, ...]
Found = list[tuple[Path, ArchgraphError]]


class RefusedError(Exception):
    """Several problems inside one value, each with its path below that value."""

    def __init__(self, found: Found):
        super().__init__(found)
        self.found = found


def refusal(found: Found) -> PydanticCustomError:
    """The problems as Pydantic carries them."""
    return PydanticCustomError("refused", "refused", {"found": found})


def admitting(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A check whose errors Pydantic collects together with all others."""

    def run(value: Any) -> Any:
        try:
            return check(value)
        except ArchgraphError as error:
            raise refusal([((), error)]) from None
        except RefusedError as error:
            raise refusal(error.found) from None

    return run


def collected(entries: Iterator[tuple[Path, Any, Callable[[Any], Any]]]) -> list[Any]:
    """All entries checked, with all problems in one error."""
    checked: list[Any] = []
    found: Found = []
    for at, entry, check in entries:
        try:
            checked.append(check(entry))
        except ArchgraphError as error:
            found.append((at, error))
        except RefusedError as error:
            found += [((*at, *below), inner) for below, inner in error.found]
    if found:
        raise RefusedError(found)
    return checked


def unknown_key(key: str, known: Collection[str], unusual: Collection[str] = ()) -> SchemaError:
    """What to say of a key that the language does not have; `unusual` ones are only named where one is meant."""
    hint = _key_meant(key, [*known, *unusual])
    return SchemaError(f"there is no key '{key}' here", expected=f"one of {', '.join(known)}", hint=hint)


_OTHER_KEYS = {
    **dict.fromkeys(("layers", "modules", "network", "graph", "model", "architecture"), "nodes"),
    **dict.fromkeys(("parameters", "hyperparameters", "args", "arguments", "config"), "params"),
    **dict.fromkeys(("description", "doc", "comment"), "about"),
    **dict.fromkeys(("import", "imports", "include", "from"), "use"),
    **dict.fromkeys(("variables", "constants", "define"), "let"),
    **dict.fromkeys(("variants", "configs", "models"), "presets"),
    **dict.fromkeys(("functions", "definitions", "subgraphs"), "blocks"),
    **dict.fromkeys(("metadata", "train", "diffusion"), "meta"),
    **dict.fromkeys(("type", "dim", "size"), "shape"),
    "version": "archgraph",
}


def _key_meant(key: str, known: Collection[str]) -> str:
    """A hint that names the key for what others call otherwise, or the one that is spelled nearly so."""
    other = _OTHER_KEYS.get(key.lower(), "")
    return f"did you mean '{other}'?" if other in known else nearest(key, known)
