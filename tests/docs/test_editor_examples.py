"""The schema of editors has no false alarm for the examples of the documentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fences
import pytest
from json_schema import Schema

from archgraph.language.editor.spec_schema import spec_schema
from archgraph.language.reading.document import read_text

ROOT = Path(__file__).parents[2]
PAGES = ("docs/language.md", "docs/recipes.md", "docs/sizes.md", "docs/python.md", "README.md")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(spec_schema())


@pytest.mark.parametrize("page", PAGES)
def test_all_right_examples_are_admitted(page: str, schema: Schema) -> None:
    blocks = [block for block in fences.fences((ROOT / page).read_text(encoding="utf-8")) if not block.wrong]
    found = {block.line: data_of(block) for block in blocks if block.language in ("yaml", "json")}
    assert found
    assert [line for line, data in found.items() if not schema.admits(data)] == []


def data_of(block: fences.Fence) -> Any:
    return json.loads(block.text) if block.language == "json" else read_text(fences.whole(block.text)).data
