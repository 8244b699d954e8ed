"""Lets the tests of this room import their own files, and those of the room of exports."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "export")]

import cuda_cases  # noqa: E402 - it lies in the folder that was just named


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the stand-in's libraries."""
    if reason := cuda_cases.unfit():
        pytest.skip(reason)
    return cuda_cases.built(tmp_path_factory.mktemp("libraries"))
