"""The names of the weights of standard blocks, by which an import chooses those that it compares."""

from __future__ import annotations

from archgraph.importing.writing.modules.weight_names import FILE, blocks_with, weight_names_file


def test_the_file_is_that_of_the_blocks() -> None:
    assert FILE.read_text(encoding="utf-8") == weight_names_file(), "run python docs/generate.py"


def test_blocks_are_chosen_by_names() -> None:
    found = {
        block.name for block in blocks_with(frozenset({"conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample"}))
    }
    assert "bottleneck" in found
    assert "basic" not in found  # it has no third convolution
