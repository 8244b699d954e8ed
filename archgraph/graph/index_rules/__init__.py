"""How each operation on whole numbers carries intervals, one file per family: from its inputs to its results, and back.

An operation without a rule gives results that may be anything, and asks nothing of its inputs. Importing this folder
registers all rules.
"""

from __future__ import annotations

from archgraph.graph.index_rules.registry import RULES, RangeSite, Rule, Shape, Wanted, asks_nothing
from archgraph.graph.intervals import Interval, uniform
from archgraph.ops.families import import_families

import_families(__name__, __path__)

__all__ = ["RULES", "Interval", "RangeSite", "Rule", "Shape", "Wanted", "asks_nothing", "uniform"]
