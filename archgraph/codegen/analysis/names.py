"""Names in generated code: which are allowed, which are taken, and how one becomes a class or a variable.

Everything that a spec names passes here before it reaches the text.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from functools import lru_cache

from torch import nn

from archgraph.errors import CompileError
from archgraph.graph.types import Call
from archgraph.structure.naming import free

LONGEST = 100
_IDENTIFIER = re.compile(r"_?[A-Za-z][A-Za-z0-9_]*\Z")
_LEVEL = re.compile(r"_?[A-Za-z][A-Za-z0-9_-]*\Z")
"""A level of a module path: torch takes more than Python writes behind a dot."""
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_FILE = frozenset({"i", "self", "torch", "nn", "F", "math", "Tensor", "OrderedDict", "super", "_"})
_BUILTINS = frozenset({"range", "zip", "list", "tuple", "int", "float", "bool", "str", "len", "None", "True", "False"})
_ATTRIBUTES = frozenset({"_archgraph"}).union(*map(dir, (nn.Module(), nn.Sequential(), nn.ModuleList())))
"""What a module has already: a submodule of such a name would hide it."""

NOUNS = {"": "item", "h": "block", "halves": "half"}
DIMENSIONS = {"N": "n", "B": "n", "C": "channels", "H": "height", "W": "width", "L": "length", "T": "length"}


def is_identifier(name: str) -> bool:
    """Whether a name may stand in code at all."""
    return bool(_IDENTIFIER.match(name)) and len(name) <= LONGEST and not keyword.iskeyword(name)


def is_reserved(name: str) -> bool:
    """Whether a name means something else in the file, or in every module."""
    return name in _FILE or name in _BUILTINS or keyword.issoftkeyword(name)


def is_usable(name: str) -> bool:
    """Whether a parameter may have the name."""
    return is_identifier(name) and not is_reserved(name)


def is_attribute(level: str) -> bool:
    """Whether a level of a module path stands behind a dot in code; numbers and names with a hyphen do not."""
    return level.isidentifier()


@lru_cache(1 << 12)
def check_path(path: str) -> None:
    """Raises CompileError for a module path that cannot be one of torch's."""
    for part in path.split("."):
        if part.isdigit() and part.isascii() and (part == "0" or part[0] != "0") and len(part) < 10:
            continue
        if not _LEVEL.match(part) or len(part) > LONGEST or keyword.iskeyword(part) or part in _ATTRIBUTES:
            raise CompileError(
                f"'{path[:LONGEST]}' cannot be the path of a module",
                expected="names of letters, digits, _ and - that mean nothing else to torch or Python, or numbers",
                received=repr(part[:LONGEST]),
                hint="give the node another name",
            )


def variable(name: str, taken: Iterable[str] = ()) -> str:
    """A variable near to a name: its last part that is no number, with a number behind it where it is taken."""
    words = [part for part in re.split(r"[^A-Za-z0-9_]+", name) if part and not part.isdigit()]
    stem = words[-1].strip("_") if words else ""
    if is_reserved(stem) or keyword.iskeyword(stem):
        stem = f"{stem}_"
    return free(stem if is_identifier(stem) else "value", taken)


@lru_cache(1 << 10)
def class_name(name: str) -> str:
    """A name in CamelCase: `diffusion_resblock` → `DiffusionResblock`."""
    words = _WORDS.findall(name.encode("ascii", "ignore").decode())
    joined = "".join(word[:1].upper() + word[1:] for word in words).lstrip("0123456789")[:LONGEST]
    if joined in _FILE or joined in _BUILTINS:
        return f"{joined}Module"
    return joined or "Network"


def segment(call: Call) -> str:
    """What a call is called in its family: the last name of its address that is no copy's number."""
    address = call.origin.address or call.name
    last = address.rpartition(".")[2]
    if last and not last.isdigit():
        return last
    return next((part for part in reversed(address.split(".")) if part and not part.isdigit()), "")


def singular(name: str) -> str:
    """What one of several is called: `resnets` → `resnet`."""
    last = next((part for part in reversed(name.split(".")) if not part.isdigit()), "")
    if last in NOUNS:
        return NOUNS[last]
    if last.endswith("s") and len(last) > 2 and not last.endswith("ss"):
        return last[:-1]
    return f"{last}_item"


def parted(name: str) -> str:
    """What one of several outputs is called: `skips.3` → `skip`, `scale_shift.1` → `shift`."""
    parts = [part for part in name.split(".") if part]
    if not parts or not parts[-1].isdigit() or len(parts) < 2:
        return name
    stem = parts[-2]
    words = stem.split("_")
    if int(parts[-1]) < len(words) > 1:
        return words[int(parts[-1])]
    return NOUNS.get(stem) or (stem[:-1] if stem.endswith("s") and len(stem) > 3 else stem)


def dimension(name: str, axis: int) -> str:
    """The variable for a size: `H` → `height`."""
    if name in DIMENSIONS:
        return DIMENSIONS[name]
    return name.lower() if is_identifier(name) and not is_reserved(name.lower()) else f"size{axis}"
