"""`check --format`: GitHub's workflow commands by their documentation, SARIF 2.1.0 by its standard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from archgraph.cli.problem_formats import MEANINGS, github_lines, sarif
from archgraph.errors import Mark, Problem, SpecError, combined

WRONG = """\
archgraph: 1
name: wrong
inputs: {x: [N, 8, H, W]}
nodes:
  a: {op: conv2d, out_channels: 8, kernel_sise: 3, kernel_size: 3}
  b: {op: rellu}
"""


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    (tmp_path / "nets").mkdir()
    path = tmp_path / "nets" / "my net.yaml"
    path.write_text(WRONG)
    return path


def test_github(archgraph: Any, wrong: Path) -> None:
    ran = archgraph("check", "nets/my net.yaml", "resnet18", "--format", "github")
    assert (ran.status, ran.err) == (1, "")
    first, second, ok = ran.out.splitlines()
    assert first.startswith(
        "::error file=nets/my net.yaml,line=5,col=36,endColumn=46,title=archgraph%3A schema::a: conv2d has no"
    )
    assert first.endswith("%0Ahint: did you mean 'kernel_size'?")
    assert second.startswith(
        "::error file=nets/my net.yaml,line=6,col=11,endColumn=15,title=archgraph%3A unknown-name::"
    )
    assert ok == "resnet18: ok"


def test_a_text_cannot_become_a_command() -> None:
    """A name of somebody's file that holds line ends, colons and commas stays in its field."""
    mark = Mark("a,line=1::b%.yaml", 3, 2)
    (line,) = github_lines([("x", Problem("one\n::error::two 100%", mark))])
    assert line.count("\n") == 0
    assert line == (
        "::error file=a%2Cline=1%3A%3Ab%25.yaml,line=3,col=2,endColumn=2,title=archgraph%3A spec"
        "::one%0A::error::two 100%25"
    )


def test_sarif(archgraph: Any, wrong: Path) -> None:
    ran = archgraph("check", "nets/my net.yaml", "nope.yaml", "resnet18", "--format", "sarif")
    assert ran.status == 1
    require_sarif(ran.json)
    first, second, third = ran.json["runs"][0]["results"]
    assert [first["ruleId"], second["ruleId"], third["ruleId"]] == ["schema", "unknown-name", "read"]
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "nets/my%20net.yaml"
    assert place["region"] == {"startLine": 5, "startColumn": 36, "endColumn": 47}
    assert third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "nope.yaml"


def test_sarif_of_what_is_right_has_no_results(archgraph: Any) -> None:
    ran = archgraph("check", "resnet18", "--format", "sarif")
    require_sarif(ran.json)
    assert (ran.status, ran.json["runs"][0]["results"]) == (0, [])


def require_sarif(log: Any) -> None:
    """What the standard requires of the properties that are there, and GitHub of those that it reads."""
    assert log["version"] == "2.1.0"
    assert log["$schema"] == "https://json.schemastore.org/sarif-2.1.0.json"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "archgraph"
    assert re.fullmatch(r"\d+\.\d+\.\d+", driver["version"])
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(rules) == len(set(rules))
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        assert result["locations"]
        for location in [*result["locations"], *result.get("relatedLocations", [])]:
            require_place(location["physicalLocation"])


def require_place(place: Any) -> None:
    uri, region = place["artifactLocation"]["uri"], place["region"]
    assert re.fullmatch(r"(file://)?[\w%./-]+", uri)
    assert region["startLine"] >= 1 <= region["startColumn"] <= region["endColumn"]


def test_notes_with_places_are_related_locations_and_warnings_are_warnings() -> None:
    mark = Mark("/elsewhere/base.yaml", 2, 1, length=4)
    note = Problem("odd", mark, severity="warning", notes=(("because of", mark), ("and so on", None)))
    (result,) = sarif([("net.yaml", note)])["runs"][0]["results"]
    assert (result["level"], result["ruleId"], len(result["relatedLocations"])) == ("warning", "warning", 1)
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "file:///elsewhere/base.yaml"
    require_sarif(sarif([("net.yaml", note)]))


def test_problems_that_are_combined_keep_their_rules(archgraph: Any, wrong: Path) -> None:
    found = archgraph("check", wrong, "--json").json[0]["problems"]
    assert [problem["rule"] for problem in found] == ["schema", "unknown-name"]
    both = combined([SpecError("one"), SpecError("two").placed(None)])
    assert {problem.rule for problem in both.problems} == {"spec"}
    assert {"schema", "unknown-name"} <= set(MEANINGS)


def test_formats_that_contradict_each_other(archgraph: Any) -> None:
    ran = archgraph("check", "resnet18", "--json", "--format", "sarif")
    assert (ran.status, ran.err) == (
        1,
        "error: --json and --format sarif contradict each other\n  hint: keep one of them\n",
    )
    assert archgraph("check", "resnet18", "--json").out == archgraph("check", "resnet18", "--format", "json").out
