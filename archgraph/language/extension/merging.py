"""What an extension says under the usual keys, laid over what the base says there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from archgraph.artifact.file_kinds import is_file
from archgraph.errors import Problem, SchemaError, WiringError
from archgraph.language.expressions.expression import is_expression
from archgraph.language.extension.piece import Piece
from archgraph.language.library import shipped_specs
from archgraph.language.schema.change_types import CHANGE_KEYS
from archgraph.language.schema.models import BLOCK_KEYS, SPEC_KEYS
from archgraph.language.schema.parameter_types import ParameterType, parse_type
from archgraph.language.schema.spec import BlockSpec, UsedFile

OWN_KEYS = ("archgraph", "name", "about", "outputs", "order", "extends", *CHANGE_KEYS)
"""Keys that an extension has for itself: where it has one, the base's is not looked at."""
BY_NAME = ("params", "presets", "inputs", "let", "blocks")
BASE_ONLY = ("weights", "self_contained", "papers", "reference")
"""What `meta` says of the base alone: its weights, that it holds every block it uses, and where it is published."""


def merged(base: Piece, extension: Piece, block: BlockSpec, preset: str | None, title: str) -> Piece:
    """The base with the keys of the extension, at the extension's place. Raises SchemaError, WiringError."""
    parts = dict(base.opened())
    _drop_claims(parts)
    if preset is not None:
        _settle(parts, block, preset)
    given = extension.opened()
    for key, piece in given.items():
        if key in BY_NAME and key in parts and isinstance(piece.data, dict):
            _by_name(parts[key], key, piece, block)
        elif key == "nodes" and key in parts and isinstance(piece.data, dict):
            _append(parts["nodes"], piece, title)
        elif key == "meta" and key in parts and isinstance(piece.data, dict):
            _patch(parts[key], piece)
        elif key in ("assert", "stacks", "use") and key in parts:
            parts[key] = _joined(key, parts[key], piece)
        elif key not in ("extends", *CHANGE_KEYS):
            parts[key] = piece
    known = SPEC_KEYS if "archgraph" in given else BLOCK_KEYS
    ordered = [*(key for key in known if key in parts), *(key for key in parts if key not in known)]
    return Piece({}, extension.place, extension.source, extension.key, {key: parts[key] for key in ordered})


def _drop_claims(parts: dict[str, Piece]) -> None:
    """The published numbers of parameters are those of the base, and so are its weights and papers."""
    claims, meta = parts.get("assert"), parts.get("meta")
    if claims is not None and isinstance(claims.data, dict):
        if claims.holds("that"):
            that = claims.at("that")
            parts["assert"] = that if isinstance(that.data, list) else _as_list(that)
        else:
            del parts["assert"]
    if meta is not None:
        for key in BASE_ONLY:
            meta.opened().pop(key, None)
        if not meta.opened():
            del parts["meta"]


def _as_list(piece: Piece) -> Piece:
    return piece.with_data([piece.whole()])


# --- parameters -------------------------------------------------------------------------------------------------------


def _settle(parts: dict[str, Piece], block: BlockSpec, preset: str) -> None:
    """A preset's values become the defaults; the other presets are variants of another network."""
    chosen = parts.pop("presets").at(preset)
    for name, value in chosen.opened().items():
        known = parts["params"].opened()
        known[name] = _declared(known[name], value, block.params[name])


def _by_name(base: Piece, key: str, given: Piece, block: BlockSpec) -> None:
    """Entries by name: those of the extension replace the base's, null takes one away."""
    known = base.opened()
    for name, piece in given.opened().items():
        if piece.data is None and piece.parts is None and key in ("presets", "inputs", "blocks") and name in known:
            del known[name]
        elif key == "params" and name in known and name in block.params:
            known[name] = _declared(known[name], piece, block.params[name])
        else:
            known[name] = piece


def _declared(declaration: Piece, value: Piece, kind: ParameterType) -> Piece:
    """The declaration of a parameter with another default; what is a declaration itself takes the base's place."""
    old, new = declaration.whole(), value.whole()
    if _is_declaration(new, kind):
        return value
    if not is_expression(new) and not kind.accepts(new):
        _refuse_default(kind, declaration, value)
    if isinstance(old, dict):
        parts = {"type": declaration.opened()["type"], "default": value}
        return Piece({}, value.place, value.source, value.key, parts)
    choices = next((one.choices for one in kind.kinds if one.choices), ())
    if choices and new in choices and isinstance(old, list):
        return value.with_data([new, *(one for one in old if one != new)])
    if (kind.required or new is None or is_expression(new)) and isinstance(old, str) and not is_expression(old):
        return value.with_data({"type": old, "default": new})
    if kind.optional and isinstance(old, str):  # `int?` without a default
        return value.with_data({"type": old, "default": new})
    return value


def _refuse_default(kind: ParameterType, declaration: Piece, value: Piece) -> None:
    """Raises SchemaError for a default of another type than the base's."""
    try:
        kind.check(value.whole())
    except SchemaError as error:
        note = ("it is declared here", declaration.mark)
        message = "a default of another type is wanted, as the base declares it"
        problems = (replace(one, message=message, notes=(note,)) for one in error.problems)
        raise SchemaError(*problems).placed(value.value_mark) from None


def _is_declaration(value: Any, kind: ParameterType) -> bool:
    """Whether a value declares a parameter anew: a type, a list of choices, a mapping with a type."""
    if isinstance(value, dict):
        return "type" in value
    if is_expression(value) or kind.accepts(value):
        return False
    try:
        return parse_type(value).required or parse_type(value).optional or isinstance(value, list)
    except SchemaError:
        return False


def settled_parameters(parts: Mapping[str, Piece], names: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The values of these parameters in the result: each one's default, and what the presets that are left say."""
    if "params" not in parts:
        return {}
    stated = [piece.whole() for piece in parts["presets"].opened().values()] if "presets" in parts else []
    presets = [values for values in stated if isinstance(values, dict)]
    found: dict[str, tuple[Any, ...]] = {}
    for name, piece in parts["params"].opened().items():
        data = piece.whole()
        if name in names:
            default = data.get("default") if isinstance(data, dict) and "type" in data else data
            found[name] = (default, *(values[name] for values in presets if name in values))
    return found


# --- lists ------------------------------------------------------------------------------------------------------------


def _append(base: Piece, given: Piece, title: str) -> None:
    """The extension's nodes stand behind the base's."""
    known = base.opened()
    for name, piece in given.opened().items():
        if name in known:
            note = (f"'{name}' stands here", known[name].mark)
            message = f"{title} has a node '{name}' already"
            hint = f"'nodes' adds nodes at the end; change it by 'set' or 'replace': replace: {{{name}: …}}"
            raise WiringError(Problem(message, piece.mark, hint=hint, notes=(note,)))
        known[name] = piece


def _joined(key: str, base: Piece, given: Piece) -> Piece:
    if key == "assert":
        return _joined_claims(base, given)
    one, other = base.whole(), given.whole()
    if isinstance(one, dict) and isinstance(other, dict):
        for name, piece in given.opened().items():
            base.opened()[name] = piece
        return base
    if not isinstance(one, list) or not isinstance(other, list):
        form = "a list" if isinstance(one, list) else "names for files"
        message = f"'{key}' is {form} in the base"
        raise SchemaError(Problem(message, given.mark, expected=form, hint="write it in the same form"))
    return given.with_data([*one, *(entry for entry in other if entry not in one)])


def _joined_claims(base: Piece, given: Piece) -> Piece:
    """The base's claims, and those of the extension with its number of parameters."""
    claims = base.whole()
    data = given.whole()
    if isinstance(data, list):
        return given.with_data([*claims, *data])
    if not isinstance(data, dict):
        return given
    that = data.get("that", [])
    return given.with_data({**data, "that": [*claims, *(that if isinstance(that, list) else [that])]})


def _patch(base: Piece, given: Piece) -> None:
    """A mapping over another one, at every depth; null takes a key away."""
    known = base.opened()
    for key, piece in given.opened().items():
        if piece.data is None and piece.parts is None:
            known.pop(key, None)
        elif key in known and isinstance(known[key].data, dict) and isinstance(piece.data, dict) and piece.opened():
            _patch(known[key], piece)
        else:
            known[key] = piece


# --- used files -------------------------------------------------------------------------------------------------------


def rebase_used(base: Piece, file: str, extension: str) -> None:
    """The files that the base uses, as the extension names them: from its own folder, or by the name of a shipped one.

    They lie where the base may reach them, and the base where the extension may: in its folder or below it.
    """
    used = base.opened().get("use")
    if used is None:
        return
    data = used.whole()
    if isinstance(data, list):
        base.opened()["use"] = used.with_data([_rebased(entry, file, extension) for entry in data])
    elif isinstance(data, dict):
        parts = {key: part.with_data(_rebased(part.data, file, extension)) for key, part in used.opened().items()}
        base.opened()["use"] = Piece({}, used.place, used.source, used.key, parts)


def _rebased(entry: Any, file: str, extension: str) -> Any:
    if not isinstance(entry, str):
        return entry
    used = UsedFile(entry, "", ())
    if not used.is_path:
        return entry
    target = Path(file).resolve().parent / used.path
    preset = f"@{used.preset}" if used.preset else ""
    if target.parent.resolve() == shipped_specs().resolve() and is_file(target):
        return f"{target.stem}{preset}"
    return f"./{Path(os.path.relpath(target, Path(extension).resolve().parent)).as_posix()}{preset}"
