"""Large tables of numbers as one text: the .npy file of an array in base64, behind `npy:`."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Any, Final

PREFIX: Final = "npy:"
_DTYPES: Final = ("<f4", "<f8", "<i8", "|b1")


def table_text(value: Any) -> str:
    """The text of nested lists of numbers; numbers that float32 holds take four bytes."""
    import numpy as np

    array = np.array(value)
    if array.dtype == np.float64 and (array.astype(np.float32) == array).all():
        array = array.astype(np.float32)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
    return PREFIX + base64.b64encode(file.getvalue()).decode("ascii")


def table_value(text: str) -> Any:
    """The nested lists of a text. Raises ValueError for a text that is no array of numbers; nothing is allocated that
    the text does not hold."""
    import numpy as np

    if not text.startswith(PREFIX):
        raise ValueError(f"{text[:40]!r} is not a number")
    try:
        file = io.BytesIO(base64.b64decode(text.removeprefix(PREFIX), validate=True))
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError("another version")
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    except (binascii.Error, ValueError, SyntaxError, TypeError) as error:
        raise ValueError("the text behind npy: must be a file of numpy in base64") from error
    count = 1
    for size in shape:
        count *= size
    rest = file.read()
    if by_column or dtype.str not in _DTYPES or not count or count * dtype.itemsize != len(rest):
        raise ValueError("the array behind npy: must hold numbers of float32, float64, int64 or bool, row by row")
    return np.frombuffer(rest, dtype).reshape(shape).tolist()
