"""Problems as CI systems read them: workflow commands of GitHub, and SARIF.

GitHub: https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from archgraph import __version__
from archgraph.errors import Mark, Problem, visible

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
HOME = "https://github.com/archgraph/archgraph"
GITHUB_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
MEANINGS = {
    "read": "The text is not YAML or JSON that the language admits.",
    "schema": "A key or a value that the language does not know.",
    "unknown-name": "An operation, block, node, preset or parameter that does not exist.",
    "expression": "An expression that does not parse, fails or grows too large.",
    "wiring": "Who reads what is wrong: cycles, readers by default, stacks, names and paths used twice.",
    "shape": "Shapes that do not fit, or that cannot be shown to fit.",
    "warning": "Something that is admitted, and hardly meant.",
    "note": "Something that is worth knowing.",
}
OTHER = "The spec, or what it names, cannot be used."

Reported = tuple[str, Problem]
"""A problem with the spec that it was found in, for those that have no place."""


def rule_of(problem: Problem) -> str:
    """The name of the rule that a problem breaks; its severity where it is no error."""
    return problem.rule or (problem.severity if problem.severity != "error" else "spec")


# --- GitHub -----------------------------------------------------------------------------------------------------------


def github_lines(reported: Iterable[Reported]) -> Iterator[str]:
    """A workflow command for each problem, which GitHub shows at its line of the pull request."""
    for spec, problem in reported:
        command = GITHUB_COMMANDS[problem.severity]
        where = _region(problem.where)
        place = {"file": _file(spec, problem.where), "line": where["startLine"], "col": where["startColumn"]}
        if problem.where is not None:
            place["endColumn"] = where["endColumn"] - 1  # GitHub counts the last column in
        place["title"] = f"archgraph: {rule_of(problem)}"
        fields = ",".join(f"{key}={_property(str(value))}" for key, value in place.items())
        yield f"::{command} {fields}::{_data(_message(problem))}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _message(problem: Problem) -> str:
    """What is wrong and what to do about it, without the place, which has fields of its own."""
    lines = [f"{problem.path}: {problem.message}" if problem.path else problem.message]
    for label, text in (("expected", problem.expected), ("received", problem.received), ("hint", problem.hint)):
        if text:
            lines.append(f"{label}: {text}")
    return "\n".join(lines)


# --- SARIF ------------------------------------------------------------------------------------------------------------


def sarif(reported: Sequence[Reported]) -> dict[str, Any]:
    """A SARIF log with one run."""
    rules = sorted({rule_of(problem) for _, problem in reported})
    driver = {
        "name": "archgraph",
        "version": __version__,
        "informationUri": HOME,
        "rules": [{"id": rule, "shortDescription": {"text": MEANINGS.get(rule, OTHER)}} for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(spec, problem, rules) for spec, problem in reported],
    }
    return {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(spec: str, problem: Problem, rules: Sequence[str]) -> dict[str, Any]:
    rule = rule_of(problem)
    found: dict[str, Any] = {
        "ruleId": rule,
        "ruleIndex": rules.index(rule),
        "level": problem.severity,
        "message": {"text": visible(_message(problem))},
        "locations": [{"physicalLocation": _place(spec, problem.where)}],
    }
    marked = [(text, mark) for text, mark in problem.notes if mark is not None]
    if marked:
        found["relatedLocations"] = [
            {"id": number, "message": {"text": visible(text)}, "physicalLocation": _place(spec, mark)}
            for number, (text, mark) in enumerate(marked)
        ]
    return found


def _place(spec: str, mark: Mark | None) -> dict[str, Any]:
    file = Path(_file(spec, mark))
    uri = file.as_uri() if file.is_absolute() else _quoted(file.as_posix())
    return {"artifactLocation": {"uri": uri}, "region": _region(mark)}


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(path)


# --- both -------------------------------------------------------------------------------------------------------------


def _file(spec: str, mark: Mark | None) -> str:
    """The file of a problem, below the current folder where it lies there; that of the spec where it has no place."""
    name = mark.file if mark is not None else spec.rpartition("@")[0] or spec
    path = Path(name)
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_absolute() and path.is_relative_to(here) else path.as_posix()


def _region(mark: Mark | None) -> dict[str, int]:
    if mark is None:
        return {"startLine": 1, "startColumn": 1, "endColumn": 1}
    return {"startLine": mark.line, "startColumn": mark.column, "endColumn": mark.column + max(1, mark.length)}
