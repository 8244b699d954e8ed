"""Weights that lie outside of a model's file, read where a session reads them: links are followed within the folder.

onnx refuses every symbolic link. ONNX Runtime follows those that stay in the model's folder (its real one, where the
model is a link itself, as in the caches of model hubs), so that a file from elsewhere cannot have others read.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Any

import numpy as np
import onnx

from archgraph.artifact.arrays import Array
from archgraph.errors import VerificationError


def values(tensor: Any, path: Path) -> Array:
    """The values of a tensor of the model in `path`, in the model or beside it. Raises VerificationError."""
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    _bring_in(copy, path)
    return np.asarray(onnx.numpy_helper.to_array(copy))


def bring_in(model: Any, path: Path) -> None:
    """Puts the weights that lie beside the model in `path` into it. Raises VerificationError."""
    for tensor in model.graph.initializer:
        _bring_in(tensor, path)


def _bring_in(tensor: Any, path: Path) -> None:
    if not onnx.external_data_helper.uses_external_data(tensor):
        return
    folder = _placed(tensor, path)
    try:
        onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except Exception as error:  # onnx has a class for each way in which a file beside the model can be wrong
        raise VerificationError(
            f"the weight {tensor.name} cannot be read", received=str(error).partition("\n")[0]
        ) from None
    tensor.data_location = onnx.TensorProto.DEFAULT
    tensor.ClearField("external_data")


def _placed(tensor: Any, path: Path) -> Path:
    """Makes a tensor name the file that holds its weights, and gives the folder of it. Raises VerificationError."""
    (location,) = (entry for entry in tensor.external_data if entry.key == "location")
    name = str(location.value)
    if name != PurePath(name).name or not (path.parent / name).is_symlink():
        return path.parent
    real = (path.parent / name).resolve()
    if not any(real.is_relative_to(folder) for folder in (path.parent.resolve(), path.resolve().parent)):
        raise VerificationError(
            f"the weights of {path} lie behind a link that leads out of its folder, which may lead anywhere",
            expected=f"the file {name}, or a link to another one in {path.parent.resolve()}",
            received=f"a link to {real}",
            hint="put the file itself in the place of the link",
        )
    location.value = real.name
    return real.parent
