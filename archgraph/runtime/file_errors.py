"""Errors of a model file: those found before ONNX Runtime opens it, and ONNX Runtime's own, translated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archgraph.artifact.file_kinds import ONNX, SPEC, SPEC_SUFFIXES, is_file, is_folder, kind_of, not_a_file
from archgraph.artifact.file_names import aside_of
from archgraph.errors import ModelFileError, nearest
from archgraph.runtime.external_weights import TOGETHER
from archgraph.runtime.file_profile import other_device


def check_file(path: Path) -> None:
    """Raises ModelFileError where there is no file that can be read."""
    if odd := not_a_file(path):
        raise ModelFileError(f"{path} is {odd}", expected="an ONNX file")
    if kind := other_kind(path):
        hint = f"`archgraph export {path}` writes an ONNX file" if kind == SPEC else ""
        raise ModelFileError(f"{path} is {kind}, and no ONNX file", expected="an ONNX file", hint=hint)
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        hint = _missing_file_hint(path)
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{path} cannot be read", received=reason, hint=hint) from error
    if empty:
        raise ModelFileError(f"{path} is empty", expected="an ONNX file", hint="export it again")


@contextmanager
def texts_of(path: Path) -> Iterator[None]:
    """While ONNX Runtime hands out the texts of a file. Raises ModelFileError where one is none."""
    try:
        yield
    except UnicodeDecodeError as error:
        hint = "export or copy it again"
        raise ModelFileError(f"{path} is damaged: a text in it is not UTF-8", received=str(error), hint=hint) from None


def other_kind(path: Path) -> str:
    """The kind of a file that is known to be no ONNX file; '' for all others."""
    if path.suffix.lower() in SPEC_SUFFIXES and is_file(path):
        return SPEC
    kind = kind_of(path)
    return "" if kind == ONNX else kind


def _missing_file_hint(path: Path) -> str:
    if is_file(aside_of(path)):
        return f"an export of it was killed; `archgraph verify {path}` puts the older version back"
    return nearest(path.name, [file.name for file in path.parent.glob("*.onnx")]) if is_folder(path.parent) else ""


def is_of_the_file(message: str) -> bool:
    """Whether ONNX Runtime's message is about the file, and not about a device."""
    return any(sign in message for sign in ("INVALID_PROTOBUF", "NO_SUCHFILE", "xternal data", "INVALID_GRAPH"))


def file_error(path: Path, message: str, version: str) -> ModelFileError:
    """The error for a file that ONNX Runtime of that version refuses with that message."""
    if "escapes" in message and "xternal data" in message:
        raised = f"the weights of {path} lie behind a link that leads out of its folder, which may lead anywhere"
        return ModelFileError(raised, received=message, hint="put the file itself in the place of the link")
    if any(sign in message for sign in ("xternal data", "xternal_data", "cannot get file size")):
        return ModelFileError(f"{path} does not find its weights", received=message, hint=TOGETHER)
    if "NOT_IMPLEMENTED" in message or "opset" in message or "IR version" in message:
        hint = other_device(path) or "upgrade onnxruntime, or export with the portable profile"
        return ModelFileError(f"onnxruntime {version} cannot run {path}", received=message, hint=hint)
    hint = "export or copy it again"
    return ModelFileError(
        f"{path} is damaged, or not an ONNX file", expected="a whole ONNX file", received=message, hint=hint
    )
