"""Data and messages of small texts, for the tests of reading."""

from __future__ import annotations

from typing import Any

import pytest

from archgraph.errors import ReadError
from archgraph.language.reading.document import read_text


def data(text: str) -> Any:
    return read_text(text, "m.yaml").data


def message(text: str, format: Any = "yaml") -> str:
    with pytest.raises(ReadError) as caught:
        read_text(text, "m.yaml", format)
    return str(caught.value)
