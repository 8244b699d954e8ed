"""The files of a model take their names as one: the older version is there, or the new one, whatever happens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from archgraph.artifact.atomic_files import set_aside, sync_folder
from archgraph.artifact.metadata_check import PART_KEY
from archgraph.artifact.recovery import certificate_of, exchanging
from archgraph.errors import ExportError

_START = 1 << 16


@contextmanager
def exchange(main: Path, beside: Iterable[Path]) -> Iterator[None]:
    """While it is entered, the new files take their names, those `beside` the model first and the model last.

    Until then the older version is aside, its time branch and its certificate too: all of it comes back where the block
    fails or the process dies, and else it goes. Of a model without company, but for a certificate, the certificate
    alone is aside, so that the model is never away. Raises OSError, and ExportError where another file has the name of
    the time branch.
    """
    certificate, names = certificate_of(main), list(beside)
    if time_branch_of(main) in names:
        require_own_branch(main)
    with exchanging(main.parent), ExitStack() as files:
        others = [name for name in dict.fromkeys((*names, *_old_branch(main))) if name != certificate]
        told = certificate in names or certificate.exists()
        for name in (*([main, *others] if others else []), *([certificate] if told else [])):
            files.enter_context(set_aside(name))
        yield
        sync_folder(main.parent)


def time_branch_of(path: Path) -> Path:
    """Where the time branch of a file lies: `NAME.time.onnx` beside `NAME.onnx`."""
    return path.with_suffix(".time.onnx")


def require_own_branch(main: Path) -> None:
    """Raises ExportError where the time branch of a file would take the place of another file, such as that of
    `NAME.bin` beside `NAME.onnx`."""
    branch = time_branch_of(main)
    if branch.exists() and not is_time_branch(branch, main.name):
        raise ExportError(
            f"{main} cannot be written: {branch.name}, which is there, is not its time branch",
            expected=f"no {branch.name}, or that of an older {main.name}",
            hint="name another file",
        )


def is_time_branch(beside: Path, main: str) -> bool:
    """Whether a file says of itself that it is the time branch of the other one; that stands at its beginning."""
    if not beside.is_file():
        return False
    with beside.open("rb") as file:
        start = file.read(_START)
    place = start.find(PART_KEY.encode())
    return place >= 0 and main.encode() in start[place : place + len(PART_KEY) + len(main) + 16]


def _old_branch(main: Path) -> list[Path]:
    """The files of the time branch of an older version of this file, where there is one."""
    branch = time_branch_of(main)
    if not is_time_branch(branch, main.name):
        return []
    return [file for file in (branch, branch.with_name(f"{branch.name}.data")) if file.is_file()]
