"""What the specs of the collection call their blocks."""

from __future__ import annotations

import yaml

from archgraph.artifact.shipped_files import shipped_specs
from archgraph.language.library import standard_blocks


def test_no_block_of_the_collection_hides_a_standard_block() -> None:
    """`check` would say so, each time."""
    standard = set(standard_blocks())
    assert standard
    for path in sorted(shipped_specs().glob("*.yaml")):
        own = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("blocks", {})
        assert not own.keys() & standard, path.name
