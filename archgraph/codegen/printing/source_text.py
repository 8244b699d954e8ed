"""Plan → text: one file of plain PyTorch, and a table from its lines to the nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from archgraph.codegen.analysis.body import AppliedStep
from archgraph.codegen.analysis.names import is_attribute
from archgraph.codegen.analysis.scopes import argument_names
from archgraph.codegen.classes.class_plan import ClassPlan, Plan
from archgraph.codegen.printing.annotations import declared_parameter, result_annotation
from archgraph.codegen.printing.docstrings import class_docstring, file_docstring
from archgraph.codegen.printing.forward import Forward, ForwardLine
from archgraph.codegen.printing.layout import WIDTH, Bracket, Doc, flat, lines
from archgraph.codegen.printing.node_places import NodePlaces, occurrences
from archgraph.codegen.printing.spans import Span, WrittenSource
from archgraph.codegen.printing.term_text import CodeNames, accessed, document, module_access
from archgraph.codegen.rules import DEFINITIONS, IMPORTS
from archgraph.graph.keys import weights
from archgraph.structure.naming import free
from archgraph.structure.template import Member
from archgraph.structure.terms import Term

INDENT = " " * 8
_RESERVED = {"torch", "nn", "math", "F", "Tensor", "OrderedDict", "self", "range", "zip", "i"}


def write(plan: Plan) -> WrittenSource:
    """The file for a plan."""
    return _Writer(plan).written()


class _Writer:
    def __init__(self, plan: Plan):
        self.plan = plan
        self.out = WrittenSource("", plan.root.name, NodePlaces(plan))
        self._body: list[str] = []
        self._classes = {made.name for made in plan.classes} | set(plan.bases)
        self._reserved = _RESERVED | self._classes | set(DEFINITIONS) | set(IMPORTS)

    def written(self) -> WrittenSource:
        for name, base in self.plan.bases.items():
            self._add_base(name, base)
        pending: list[tuple[int, Span]] = []
        for made in self.plan.classes:
            self._gap()
            pending += self._class(made)
        head = self._head()
        self.out.text = "\n".join([*head, *self._body]) + "\n"
        self.out.spans = [span.at(len(head) + at + 1) for at, span in pending]
        return self.out

    def _head(self) -> list[str]:
        code = "\n".join(self._body)
        defined: list[str] = []
        for name, text in reversed(DEFINITIONS.items()):  # a definition may use those before it
            if _mentions(code, name, r"\("):
                defined.insert(0, text)
                code = f"{text}\n{code}"
        standard = [("math", "import math"), ("warnings", "import warnings")]
        standard.append(("OrderedDict", "from collections import OrderedDict"))
        found = [line for word, line in standard if _mentions(code, word)]
        head = [*file_docstring(self.plan), ""] + found + ([""] if found else [])
        if _mentions(code, "torch"):
            head.append("import torch")
        if _mentions(code, "F"):
            head.append("import torch.nn.functional as F")
        names = [name for name in ("Tensor", "nn") if _mentions(code, name)]
        head += sorted([f"from torch import {', '.join(names)}", *_imported(code)])
        for text in defined:
            head += ["", "", *text.split("\n")]
        return head

    def _gap(self) -> None:
        self._body += ["", ""]

    def _add_base(self, name: str, base: str) -> None:
        self._gap()
        variants = [made.name for made in self.plan.classes if made.parent == name]
        self._body += [f"class {name}({base}):", f'    """What {_spoken(variants)} have in common."""']

    # -- one class ---------------------------------------------------------------------------------------------------

    def _class(self, made: ClassPlan) -> list[tuple[int, Span]]:
        self._body.append(f"class {made.name}({made.base}):")
        arguments = argument_names(made.body.scope, self._reserved)
        self._body += class_docstring(made, arguments)
        constructor = self._constructor(made)
        if constructor:
            self._body += ["", *constructor]
        if made.body.scope.form == "chain":
            return []
        self._body.append("")
        return self._forward(made)

    def _constructor(self, made: ClassPlan) -> list[str]:
        if not made.members and not made.stored:
            return []
        signature = Bracket("(", (("self",), *((declared_parameter(p),) for p in made.parameters)), ")")
        found = lines(("def __init__", signature, " -> None:"), "    ")
        body = list(self._members(made))
        if made.body.base == "nn.Module" or not made.members:
            found.append(f"{INDENT}super().__init__()")
        found += body
        found += [f"{INDENT}self.{kept} = {name}" for name, kept in made.stored.items()]
        if made is self.plan.root:
            found += self._ties()
        return found

    def _members(self, made: ClassPlan) -> Iterator[str]:
        names = CodeNames()
        for member in made.members:
            if not member.name:
                yield from self._base_constructor_call(member, names)
            elif member.kind == "module":
                yield from self._module(made, member, names)
            else:
                yield from self._tensor(made, member, names)

    def _base_constructor_call(self, member: Member, names: CodeNames) -> Iterator[str]:
        """A class that is a ModuleList or Sequential itself passes its children to the constructor of its base."""
        (_, bracket) = document(member.term, names)
        yield from lines(("super().__init__", bracket), INDENT)

    def _module(self, made: ClassPlan, member: Member, names: CodeNames) -> Iterator[str]:
        right = document(member.term, names)
        flag = made.flags.get(member.name, "")
        path, _, name = member.name.rpartition(".")
        if not is_attribute(name):
            made_here: Doc = (*right, f" if {flag} else None") if flag else right
            owner = module_access(path, made.body.containers)
            yield from lines((f"{owner}.add_module", Bracket("(", ((f'"{name}"',), made_here), ")")), INDENT)
            return
        target = f"{accessed(member.name, made.body.containers)} = "
        whole = f"{INDENT}{target}{flat(right)} if {flag} else None"
        if flag and len(whole) > WIDTH:
            yield f"{INDENT}{target}None"
            yield f"{INDENT}if {flag}:"
            yield from lines((target, *right), INDENT + "    ")
        elif flag:
            yield whole
        else:
            yield from lines((target, *right), INDENT)

    def _tensor(self, made: ClassPlan, member: Member, names: CodeNames) -> Iterator[str]:
        term = member.term
        if term.kind == "computed":
            *computed, term = _own_names(term, {parameter.name for parameter in made.parameters}).parts
            for each in computed:
                yield from lines((f"{each.text} = ", *document(each.parts[0], names)), INDENT)
        value = document(term, names)
        path, _, name = member.name.rpartition(".")
        owner = module_access(path, made.body.containers)
        if member.kind == "parameter":
            made_here: Doc = ("nn.Parameter", Bracket("(", (value,), ")"))
            if not is_attribute(name):
                register = Bracket("(", ((f'"{name}"',), made_here), ")")
                yield from lines((f"{owner}.register_parameter", register), INDENT)
            else:
                yield from lines((f"{owner}.{name} = ", *made_here), INDENT)
            return
        given: tuple[Doc, ...] = ((f'"{name}"',), value)
        if member.kind == "constant":
            given = (*given, ("persistent=False",))
        yield from lines((f"{owner}.register_buffer", Bracket("(", given, ")")), INDENT)

    def _ties(self) -> list[str]:
        found = []
        for keyed in weights(self.plan.graph):
            if keyed.tied:
                self.out.ties[keyed.key] = keyed.tied
                (module, name), (other, shared) = (key.rpartition(".")[::2] for key in (keyed.key, keyed.tied))
                value = _attribute(self._path_expression(other), shared)
                here = self._path_expression(module)
                line = f"{here}.{name} = {value}" if is_attribute(name) else f'setattr({here}, "{name}", {value})'
                found.append(f"{INDENT}{line}")
        return found

    def _path_expression(self, path: str) -> str:
        """An absolute module path as code at the root."""
        if not path:
            return "self"
        if all(map(is_attribute, path.split("."))):
            return f"self.{path}"
        return f'self.get_submodule("{path}")'

    # -- forward -----------------------------------------------------------------------------------------------------

    def _forward(self, made: ClassPlan) -> list[tuple[int, Span]]:
        forward = Forward(made, self._reserved)
        kinds = (*("Tensor" for _ in made.body.scope.inputs), *(var.annotation for var in made.body.scope.sizes))
        arguments = tuple((f"{name}: {kind}",) for name, kind in zip(forward.arguments, kinds, strict=True))
        result = result_annotation(len(made.body.outputs))
        if made.body.training_outputs:
            result += f" | {result_annotation(len(made.body.returned))}"
        signature = Bracket("(", (("self",), *arguments), ")")
        head = lines(("def forward", signature, f" -> {result}:"), "    ")
        if len(head[-1]) > WIDTH and not made.body.training_outputs:
            types = Bracket("[", (("Tensor",),) * len(made.body.outputs), "]", explode=True)
            head[-1:] = lines((") -> tuple", types, ":"), "    ")
        self._body += head
        found: list[tuple[int, Span]] = []
        counted = _occurrences(made)
        for line in forward.lines():
            for code, entry in line.nodes:
                start = line.text.find(code)
                end = start + len(code) if start >= 0 else len(line.text)
                path, occurrence = counted[id(entry.step)]
                each, copied = _turn(entry, line)
                span = Span(0, max(start, 0), end, made.name, path, occurrence, each, copied)
                found.append((len(self._body), span))
            self._body.append(line.text)
        return found


def _turn(entry: AppliedStep, line: ForwardLine) -> tuple[str, int]:
    """In a loop: the loop variable, and how often a function's path occurs in each iteration."""
    if not line.each:
        return "", 0
    container = entry.path.removesuffix(".#")
    if container in line.each:
        return line.each[container], 0
    return next(iter(line.each.values())), sum(other.step.path == entry.step.path for _, other in line.nodes)


def _occurrences(made: ClassPlan) -> dict[int, tuple[str, int]]:
    return {id(step): (path, occurrence) for step, path, occurrence in occurrences(made.body.scope.steps)}


def _own_names(computed: Term, taken: set[str]) -> Term:
    """The lines of a constructor with names for its values that no argument has."""
    others = {line.text: free(line.text, taken) for line in computed.parts if line.kind == "assign"}

    def renamed(part: Term) -> Term | None:
        if part.kind == "text" and part.text in others:
            return part._replace(text=others[part.text])
        return None

    lines_ = (line.replaced(renamed) for line in computed.parts)
    found = (line._replace(text=others[line.text]) if line.kind == "assign" else line for line in lines_)
    return computed._replace(parts=tuple(found))


def _attribute(owner: str, name: str) -> str:
    """A tensor of a module that is reached by code."""
    return f'getattr({owner}, "{name}")' if not is_attribute(name) else f"{owner}.{name}"


def _mentions(code: str, word: str, after: str = r"\b") -> bool:
    """Whether a word stands in code by itself. A pattern that begins with what it looks for is found the soonest."""
    return word in code and re.search(rf"{word}(?<![\w.]{word}){after}", code) is not None


def _imported(code: str) -> Iterator[str]:
    """The imports of what plugins bring, classes before functions."""
    modules: dict[str, list[str]] = {}
    for name, module in IMPORTS.items():
        if _mentions(code, name):
            modules.setdefault(module, []).append(name)
    for module, names in modules.items():
        yield f"from {module} import {', '.join(sorted(names, key=lambda name: (name[0].islower(), name)))}"


def _spoken(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)
