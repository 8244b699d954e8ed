"""What torch, ONNX, Keras and JAX call their operations, and how the same is written here: for hints, on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_PREFIX = re.compile(
    r"(?:torch\.nn\.functional|torch\.nn|torch\.ops\.aten|torchvision\.ops|torch|nn\.functional|nn|F|tf\.keras\.layers"
    r"|tf\.nn|tf|keras\.layers|keras\.ops|keras|layers|ops|jax\.nn|jax\.lax|jax\.numpy|jax|lax|jnp|np|numpy|flax\.linen"
    r"|linen|onnx|x|self)\."
)
_CALL = re.compile(r"\s*\(.*\)\s*\Z", re.DOTALL)
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Counterpart:
    """How a foreign operation is written here: our `operation` (`arguments` are those whose names differ), or a
    `recipe`, the value of a node that reads `x` (and `y`) of this `shape`, or `words` where there is neither."""

    operation: str = ""
    arguments: tuple[tuple[str, str], ...] = ()
    recipe: str = ""
    shape: str = "[N, 4, H, W]"
    words: str = ""

    @property
    def hint(self) -> str:
        if self.operation:
            renamed = ", ".join(f"'{theirs}' is '{ours}'" for theirs, ours in self.arguments)
            return f"did you mean '{self.operation}'?" + (f" There {renamed}" if renamed else "")
        if self.recipe:
            named = ", where x is what it reads" if re.search(r"\bx\b", self.recipe) else ""
            return f"it is written {self.recipe}{named}" + (f"; {self.words}" if self.words else "")
        return self.words


def counterpart(name: str, operations: Iterable[str]) -> Counterpart | None:
    """What to write in the place of an operation of another library, or of one of our `operations` in another spelling:
    `nn.Conv2d`, `F.relu`, `ReLU()`, `BatchNormalization`."""
    if len(name) > LONGEST_NAME:
        return None
    key = normalized(name).removeprefix("lazy")  # torch's lazy modules infer their channels, as every node does here
    ours = next((operation for operation in operations if normalized(operation) == key), "")
    return Counterpart(ours) if ours else table().get(key)


def normalized(name: str) -> str:
    """A name without the module it stands in, its call, its underscores, hyphens and capitals."""
    plain = _PREFIX.sub("", _CALL.sub("", name.strip()))
    return plain.replace("_", "").replace("-", "").lower()


@cache
def table() -> dict[str, Counterpart]:
    """All entries by normalised name. Raises ValueError for a name that has two."""
    from archgraph.ops.counterparts import missing, other_names, recipes, torch_names

    found: dict[str, Counterpart] = {}
    for entries in (torch_names.ENTRIES, other_names.ENTRIES, recipes.ENTRIES, missing.ENTRIES):
        for name, entry in entries.items():
            if normalized(name) in found:
                raise ValueError(f"the foreign name '{name}' has two entries")
            found[normalized(name)] = entry
    return found


def named(names: str, entry: Counterpart) -> dict[str, Counterpart]:
    """The same entry under each of several names."""
    return dict.fromkeys(names.split(), entry)
