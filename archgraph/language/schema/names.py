"""Which names the language admits, and for what.

Names become module attributes, constructor arguments and variables of the generated PyTorch, so whatever means
something there is reserved. Nothing else about a name is checked here: what is defined twice is found by `namespaces`.
"""

from __future__ import annotations

import keyword
import re

from archgraph.errors import SchemaError, UnknownNameError
from archgraph.language.expressions.expression import compile_template, require_levels
from archgraph.language.expressions.functions import RESERVED
from archgraph.language.expressions.syntax import CONSTANTS
from archgraph.language.schema.parameter_types import TYPE_WORDS
from archgraph.ops.contract import REGISTRY, operation_hint

LONGEST_NAME = 100
LISTED_BY_COMMANDS = "'archgraph ops' and 'archgraph blocks' list what there is"
LOOP_NAMES = frozenset({"i", "first", "last"})
NODE_KEYS = (
    "op",
    "in",
    "when",
    "else",
    "repeat",
    "for",
    "map",
    "chain",
    "scan",
    "push",
    "path",
    "let",
    "inputs",
    "nodes",
    "outputs",
    "order",
    "stacks",
    "tie",
    "share",
    "training",
)
MODULE_ATTRIBUTES = frozenset(
    """
    T_destination add_module append apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches
    eval extend extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half insert ipu
    load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters pop
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory state_dict to to_empty train training type xpu zero_grad
    """.split()  # noqa: SIM905 - sixty quoted names are no better read
)
"""Public attributes of torch's `nn.Module`, `nn.Sequential` and `nn.ModuleList` (2.13), written down so that reading a
spec needs no torch. A submodule of such a name would hide the method."""
PRIVATE_ATTRIBUTES = frozenset(
    """
    _apply _archgraph _backward_hooks _backward_pre_hooks _buffers _call_impl _compiled_call_impl _forward_hooks
    _forward_hooks_always_called _forward_hooks_with_kwargs _forward_pre_hooks _forward_pre_hooks_with_kwargs
    _get_abs_string_index _get_backward_hooks _get_backward_pre_hooks _get_item_by_idx _get_name _is_full_backward_hook
    _load_from_state_dict _load_state_dict_post_hooks _load_state_dict_pre_hooks _maybe_warn_non_full_backward_hook
    _modules _named_members _non_persistent_buffers_set _parameters _register_load_state_dict_pre_hook
    _register_state_dict_hook _replicate_for_data_parallel _save_to_state_dict _slow_forward _state_dict_hooks
    _state_dict_pre_hooks _version _wrapped_call_impl
    """.split()  # noqa: SIM905
)
"""The others, which only a path can name."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_PYTHON = frozenset(keyword.kwlist)
LIBRARIES = frozenset({"nn", "F", "torch", "functional", "keras", "tf", "jax", "jnp", "flax"})
"""What stands before the dot in the names of others; a used file has another name."""
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,8})\Z")
"""The number of a module, as torch counts."""
_SEGMENT = re.compile(r"_?[A-Za-z][A-Za-z0-9_-]*\Z")
_WILD = re.compile(r"[A-Za-z0-9_\0-]+\Z")
"""A segment of a path with an expression in it, of which only the characters are known."""
_PRESET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def identifier(name: str, what: str) -> str:
    """Letters, digits and _, starting with a letter. Raises SchemaError."""
    if len(name) > LONGEST_NAME or not _IDENTIFIER.match(name):
        raise SchemaError(
            f"'{name:.{LONGEST_NAME}}' cannot be {what}",
            expected=f"letters, digits and _, starting with a letter, at most {LONGEST_NAME} characters",
        )
    return name


def _free(name: str, what: str, reserved: dict[str, str]) -> str:
    """An identifier that is not reserved. Raises SchemaError."""
    if identifier(name, what) in reserved:
        raise SchemaError(
            f"'{name}' cannot be {what}: it is {reserved[name]}", hint="choose another name, such as " + f"'{name}_1'"
        )
    return name


_COMMON = {
    **dict.fromkeys(_PYTHON, "a keyword of Python"),
    "self": "what a module calls itself",
    **dict.fromkeys(CONSTANTS, "a value"),
    "prev": "how a node reads the one before it",
    **dict.fromkeys(sorted(LOOP_NAMES), "bound by 'repeat' and 'for'"),
    **dict.fromkeys(TYPE_WORDS, "a word for a type"),
}
_VALUES = {**dict.fromkeys(MODULE_ATTRIBUTES, "an attribute of every torch module"), **_COMMON}
_EXPRESSIONS = {**dict.fromkeys(sorted(RESERVED), "a function of the expression language"), **_COMMON}
_PARAMETERS = {
    **_VALUES,
    **_EXPRESSIONS,
    **dict.fromkeys(NODE_KEYS, "a key that every node has"),
}


def node_name(name: str) -> str:
    """The name of a node: an identifier, or digits. Raises SchemaError."""
    if name.isdecimal() and name.isascii():
        return _counted(name)
    return _free(name, "a node's name", _VALUES)


def _counted(name: str) -> str:
    """Digits as torch writes the number of a module. Raises SchemaError."""
    if _NUMBER.match(name):
        return name
    meant = name.lstrip("0") or "0"
    raise SchemaError(
        f"'{name:.{LONGEST_NAME}}' cannot be the number of a module",
        expected="a number as torch counts modules: 0, 1, 2 …",
        hint=f"write {meant}" if _NUMBER.match(meant) else "",
    )


def operation_name(name: str) -> str:
    """The name of an operation or block. Raises UnknownNameError, with its counterpart, for the name that another
    library has (`nn.MaxPool2d`) and for a call; SchemaError for what can be no name."""
    try:
        file, dot, block = name.partition(".")
        if dot and file not in LIBRARIES and _IDENTIFIER.match(file) and _IDENTIFIER.match(block):
            return f"{identifier(file, 'a file')}.{identifier(block, 'a block')}"
        return identifier(name, "an operation's name")
    except SchemaError as error:
        hint = operation_hint(name, REGISTRY) or _code_hint(name)
        if hint:  # what it is called here matters, and not which letters a name has
            raise UnknownNameError(f"there is no operation or block '{name:.{LONGEST_NAME}}'", hint=hint) from None
        raise error from None


def _code_hint(name: str) -> str:
    """What to write in the place of a call or of an attribute."""
    part = re.sub(r"\W.*", "", name.removeprefix("self."), flags=re.DOTALL)
    if name.startswith("self.") and part:
        return f"a part of your own is a block: op: {part}, and its nodes under 'blocks: {{{part}: …}}'"
    if "(" in name:
        return "'op' takes a name; arguments are keys next to it: {op: conv2d, out_channels: 64}"
    return LISTED_BY_COMMANDS if all(map(_IDENTIFIER.match, name.split("."))) else ""


def input_name(name: str) -> str:
    """The name of an input. Raises SchemaError."""
    return _free(name, "an input's name", _VALUES)


def stack_name(name: str) -> str:
    """The name of a stack. Raises SchemaError."""
    return _free(name, "a stack's name", _VALUES)


def parameter_name(name: str) -> str:
    """The name of a parameter. Raises SchemaError."""
    return _free(name, "a parameter's name", _PARAMETERS)


def expression_name(name: str) -> str:
    """A name that only expressions see: of `let`, of a loop, of a size. Raises SchemaError."""
    return _free(name, "a name in expressions", _EXPRESSIONS)


def block_name(name: str) -> str:
    """The name of a block or a model: it becomes a class. Raises SchemaError."""
    return _free(name, "a block's name", _COMMON)


def file_name(name: str) -> str:
    """The name that a used file is given. Raises SchemaError."""
    return _free(name, "the name of a used file", {**_COMMON, **dict.fromkeys(LIBRARIES, "the name of a library")})


def definition_name(name: str) -> str:
    """The name under which a block is found: its own, or `file.block` where the file has a name. Raises SchemaError."""
    file, dot, block = name.partition(".")
    if not dot:
        return block_name(name)
    block_name(file)
    block_name(block)
    return name


def preset_name(name: str) -> str:
    """The name of a preset, as it follows '@'. Raises SchemaError."""
    if len(name) <= LONGEST_NAME and _PRESET.match(name):
        return name
    expected = "letters, digits, _, - and ., starting with a letter or a digit"
    raise SchemaError(f"'{name:.{LONGEST_NAME}}' cannot be a preset's name", expected=expected)


def output_name(name: str) -> str:
    """The name of an output. Raises SchemaError."""
    if name.isdecimal() and name.isascii():
        return name
    return identifier(name, "an output's name")


def path(text: str) -> str:
    """A node's path: segments joined by dots, with expressions in braces. Raises SchemaError, ExpressionError."""
    if text == ".":
        return text
    require_levels(text)
    pieces = compile_template(text).pieces
    plain = "".join(piece if isinstance(piece, str) else "\0" for piece in pieces)
    for segment in plain.split("."):
        if "\0" not in segment:
            _require_segment(text, segment)
        elif not _WILD.match(segment):
            raise _no_path(text)
    return text


def module_path(text: str) -> str:
    """A path whose expressions have been evaluated. Raises SchemaError where torch can have no module there."""
    for segment in text.split("."):
        _require_segment(text, segment)
    return text


def _require_segment(whole: str, segment: str) -> None:
    """Raises SchemaError for a segment of a path that can be no attribute of a module, and no number of one."""
    taken = "an attribute of every torch module" if segment not in _PYTHON else "a keyword of Python"
    if segment in MODULE_ATTRIBUTES | PRIVATE_ATTRIBUTES | _PYTHON:
        raise SchemaError(f"the path '{whole}' cannot be: '{segment}' is {taken}", hint="choose another path")
    if segment.isdecimal() and segment.isascii():
        _counted(segment)
    elif len(segment) > LONGEST_NAME or not _SEGMENT.match(segment):
        raise _no_path(whole)


def _no_path(text: str) -> SchemaError:
    return SchemaError(
        f"the path '{text:.{LONGEST_NAME}}' is no module path",
        expected="numbers, or names of letters, digits, _ and -, joined by dots, such as layers.{i}.conv; or .",
    )
