"""Functions of torch that are other ones for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch.overrides import get_ignored_functions
from torch.utils import _device


@contextmanager
def replaced_function(name: str, made: Callable[..., Any]) -> Iterator[None]:
    """Inside, `torch.name` is another function.

    torch lists the functions that make tensors when it first asks for them, and keeps the list, as for
    `with torch.device("meta")`. Were it made inside, it would hold the other function for the rest of the process.
    """
    _device._device_constructors()
    get_ignored_functions()
    with patch.object(torch, name, made):
        yield
