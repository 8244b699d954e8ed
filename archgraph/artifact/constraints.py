"""The constraints on sizes that a file states, read as those of the compiler."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from archgraph.artifact.sizes import parse
from archgraph.dims import Constraint
from archgraph.errors import ShapeError

_PLACE = re.compile(r".*:[0-9]{1,9}:[0-9]{1,9}", re.DOTALL)


def read_constraint(entry: Mapping[str, Any]) -> Constraint:
    """A constraint; what an older file leaves out, or has as null, restricts nothing.

    Raises ValueError, TypeError, KeyError or AttributeError where it makes no sense.
    """
    parse(entry["symbol"])
    modulus, residues = int(entry.get("modulus") or 1), entry.get("residues") or ()
    minimum, maximum = entry.get("minimum"), entry.get("maximum")
    if modulus < 1 or any(bound is not None and not isinstance(bound, int) for bound in (minimum, maximum)):
        raise ValueError(f"a constraint on {entry['symbol']} that makes no sense")
    whole = {
        "symbol": entry["symbol"],
        "modulus": modulus if residues else 1,
        "residues": residues or (0,),
        "minimum": 1 if minimum is None else minimum,
        "maximum": maximum,
        "causes": [_cause(cause) for cause in entry.get("causes") or ()],
    }
    try:
        return Constraint.from_json(whole)
    except ShapeError as error:
        raise ValueError(error.problems[0].message) from None


def _cause(entry: Mapping[str, Any]) -> dict[str, str]:
    found = {key: str(entry.get(key) or "") for key in ("reason", "where", "path")}
    return found if _PLACE.fullmatch(found["where"]) else {**found, "where": ""}
