"""Which operations of ours stand for each of torch's, one file per family."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from archgraph.importing.rules.registry import RULES

SKIPPED = frozenset(
    [
        "sym_size",
        "_assert_tensor_metadata",
        "_assert_scalar",
        "sym_constrain_range",
        "sym_constrain_range_for_size",
        "_assert_async",
        "sym_numel",
    ]
)
"""Operations that make no value of the network."""
PASSED_ON = frozenset(["contiguous", "clone", "alias", "lift_fresh_copy", "lift_fresh", "_to_copy_same"])
"""Operations whose result is what they read."""

for _file in sorted(item.name for item in iter_modules(__path__)):
    import_module(f"{__name__}.{_file}")

__all__ = ["PASSED_ON", "RULES", "SKIPPED"]
