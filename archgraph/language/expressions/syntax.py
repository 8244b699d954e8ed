"""Which constructs of Python's syntax the expression language has, and what is said of those that it has not."""

from __future__ import annotations

import ast
from typing import Any

CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
BINARY: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
COMPARED: dict[type[ast.AST], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
    ast.NotIn: "not in",
}
REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Attribute: ("a dot between names", "a value has no attributes"),
    ast.Lambda: ("a lambda", ""),
    ast.ListComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.SetComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.DictComp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.GeneratorExp: ("a comprehension", "walk a list with 'for:' on a node"),
    ast.JoinedStr: ("formatted text", "only 'path' may hold expressions, in braces"),
    ast.Tuple: ("a list without brackets", "write [a, b]"),
    ast.Dict: ("a mapping", ""),
    ast.Set: ("a set", "write a list: [a, b]"),
    ast.Starred: ("unpacking with '*'", "join lists with +"),
    ast.NamedExpr: ("':='", "name a value with 'let:'"),
    ast.Await: ("'await'", ""),
    ast.Yield: ("'yield'", ""),
    ast.YieldFrom: ("'yield'", ""),
    ast.Is: ("'is'", "write =="),
    ast.IsNot: ("'is not'", "write !="),
    ast.BitAnd: ("'&'", "write and"),
    ast.BitOr: ("'|'", "write or"),
    ast.BitXor: ("'^'", "a power is written **"),
    ast.LShift: ("'<<'", ""),
    ast.RShift: ("'>>'", ""),
    ast.MatMult: ("'@'", ""),
    ast.Invert: ("'~'", "write not"),
}
FOREIGN = (("&&", "write and"), ("||", "write or"), ("!", "write not, or !="), ("?", "write x if condition else y"))
"""Signs of other languages in a text that cannot be read, and what to write instead."""
