"""Where an operation of a program comes from: the module's path, the source file and line."""

from __future__ import annotations

import builtins
import re
from types import FunctionType

from torch import fx

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in \S+\n\s*([^\n]*)')
_OF_ITSELF = re.compile(r"\bself\.([a-z_]\w*)\(")
_CALLED = re.compile(r"(?<![.\w])([a-z_]\w*)\(")


def place_of(node: fx.Node) -> str:
    """`layers.0.attn, attention.py:41: x = q @ k`."""
    path = module_path(node)
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    if not frames:
        return path or "the network itself"
    outside = [frame for frame in frames if "/torch/" not in frame[0]]
    file, line, text = (outside or frames)[-1]
    where = f"{file.rpartition('/')[2]}:{line}: {text.strip()}"
    return f"{path}, {where}" if path else where


def function_of(node: fx.Node, owner: type | None = None) -> str:
    """The function that computes an operation, as the line of the forward names it, or the method of the class `owner`
    whose forward it is; '' where it names none, or several.

    torch keeps the frames of forwards only.
    """
    frames = _FRAME.findall(node.meta.get("stack_trace") or "")
    line = next((text for file, _, text in reversed(frames) if "/torch/" not in file), "")
    names = {name for name in _CALLED.findall(line) if not hasattr(builtins, name)}
    names |= {name for name in _OF_ITSELF.findall(line) if isinstance(getattr(owner, name, None), FunctionType)}
    return names.pop() if len(names) == 1 else ""


def module_path(node: fx.Node) -> str:
    """The path of the module whose forward ran the operation."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return str(stack[-1][0]).partition("@")[0] if stack else ""
