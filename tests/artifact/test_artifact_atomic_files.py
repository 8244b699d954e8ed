"""The one atomic writer, and what is put aside and back, in the cases that an export seldom meets."""

from __future__ import annotations

import errno
import os
import stat
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from test_artifact_stage import ABC, contents

from archgraph.artifact.atomic_files import ByteRange, NewFile, nameless, replacing
from archgraph.artifact.file_kinds import is_time_branch
from archgraph.artifact.file_names import aside_of, temporary_of
from archgraph.artifact.recovery import exchanging, recover
from archgraph.artifact.replacement import require_own_branch, set_aside
from archgraph.errors import ExportError, RunError

MEBIBYTE = 1 << 20


def open_without_name(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY)
    except (AttributeError, OSError):
        return None


def test_a_file_has_no_name_before_it_is_whole_where_the_system_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (theirs := open_without_name(tmp_path)) is None:
        pytest.skip("this system has no files without names")
    os.close(theirs)
    with NewFile(tmp_path / "m.onnx") as file:
        file.write(b"abc")
        assert not list(tmp_path.iterdir())
        file.publish()
    assert contents(tmp_path) == {"m.onnx": b"abc"}
    monkeypatch.setattr(Path, "is_dir", lambda path: False)  # without /proc it could never be named
    assert nameless(tmp_path) is None


def test_size_digest_and_permissions_are_those_of_what_was_written(tmp_path: Path) -> None:
    old = os.umask(0)
    with NewFile(tmp_path / "m.onnx") as file:
        assert file.size == 0
        file.write(b"abc")
        file.finish()
        file.publish()
    os.umask(old)
    assert (file.size, file.sha256) == (3, ABC)
    assert stat.S_IMODE((tmp_path / "m.onnx").stat().st_mode) == 0o666
    with NewFile(tmp_path / "other", digested=False) as file:
        file.write(b"abc")
    assert (file.size, file.sha256) == (3, "")


def test_zeros_fill_up_to_a_place(tmp_path: Path) -> None:
    with NewFile(tmp_path / "m") as file:
        file.write(b"abc")
        for place in (2, 3, 5):
            file.fill(place)
        file.publish()
    assert (tmp_path / "m").read_bytes() == b"abc\0\0"


def refusing(code: int, after: int = 0) -> Any:
    """`copy_file_range` of a system that refuses, at once or after some bytes."""

    def copy_range(source: int, target: int, size: int, place: int) -> int:
        if place < after:
            return os.pwrite(target, os.pread(source, after - place, place), 0)
        raise OSError(code, os.strerror(code))

    return copy_range


@pytest.mark.parametrize("system", ["copies", "has no such call", "cannot copy between these"])
@pytest.mark.parametrize("digested", [False, True])
def test_bytes_are_copied_from_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, digested: bool
) -> None:
    if system == "has no such call":
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    elif system == "cannot copy between these":
        monkeypatch.setattr(os, "copy_file_range", refusing(errno.EXDEV), raising=False)
    (tmp_path / "source").write_bytes(b"..abc..")
    with (tmp_path / "source").open("rb") as source:
        with NewFile(tmp_path / "m", digested) as file:
            file.copy(ByteRange(source.fileno(), 2, 3))
            file.publish()
        assert (tmp_path / "m").read_bytes() == b"abc"
        assert (file.size, file.sha256) == (3, ABC if digested else "")
        with NewFile(tmp_path / "n", digested) as file, pytest.raises(OSError, match="has become shorter"):
            file.copy(ByteRange(source.fileno(), 2, 6))
    assert sorted(contents(tmp_path)) == ["m", "source"]


@pytest.mark.parametrize(("code", "after"), [(errno.EIO, 0), (errno.ENOSPC, 0), (errno.EXDEV, 2)])
def test_a_copy_that_fails_is_not_tried_in_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, after: int
) -> None:
    """Neither for a fault of the disk, nor where some bytes are there already."""
    monkeypatch.setattr(os, "copy_file_range", refusing(code, after), raising=False)
    (tmp_path / "source").write_bytes(b"abc")
    with (
        (tmp_path / "source").open("rb") as source,
        NewFile(tmp_path / "m", digested=False) as file,
        pytest.raises(OSError, match=os.strerror(code)),
    ):
        file.copy(ByteRange(source.fileno(), 0, 3))


def test_a_copy_needs_little_memory(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(16 * MEBIBYTE))
    with (tmp_path / "source").open("rb") as source, NewFile(tmp_path / "m") as file:
        tracemalloc.start()
        file.copy(ByteRange(source.fileno(), 0, 16 * MEBIBYTE))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert file.size == 16 * MEBIBYTE
    assert peak < 8 * MEBIBYTE


def test_an_error_of_the_system_without_a_sentence_is_shown(tmp_path: Path) -> None:
    for error, received in ((OSError("odd"), "odd"), (OSError(28, "No space left"), "No space left")):
        with pytest.raises(RunError) as raised, replacing(tmp_path / "a"):
            raise error
        assert raised.value.problems[0].received == received


def test_where_there_was_no_file_there_is_none_after_a_failure(tmp_path: Path) -> None:
    """Whether the new one has taken its name already or not."""
    for written in (False, True):
        with pytest.raises(ZeroDivisionError), set_aside(tmp_path / "m"):  # noqa: PT012, both are one exchange
            if written:
                (tmp_path / "m").write_text("new")
            raise ZeroDivisionError
        assert not list(tmp_path.iterdir())
    with set_aside(tmp_path / "m"):
        (tmp_path / "m").write_text("new")
    assert contents(tmp_path) == {"m": b"new"}


def stray(path: Path, process: int) -> Path:
    name = temporary_of(path).name.replace(f"-{os.getpid()}-", f"-{process}-")
    path.with_name(name).write_text("x")
    return path.with_name(name)


@pytest.mark.parametrize(
    ("answer", "stays"), [(None, True), (ProcessLookupError, False), (PermissionError, True)], ids=str
)
@pytest.mark.parametrize("name", ["m.onnx", "m[1]*?.onnx"])
def test_what_others_work_on_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: type[OSError] | None, stays: bool, name: str
) -> None:
    """A process that may not be asked lives: it is someone else's. Names are taken as they are, not as patterns."""

    def asked(process: int, signal: int) -> None:
        assert (process, signal) == (77, 0)
        if answer:
            raise answer

    monkeypatch.setattr(os, "kill", asked)
    mine, other = stray(tmp_path / name, 77), stray(tmp_path / "m1xy.onnx", 77)
    recover(tmp_path / name)
    assert (mine.exists(), other.exists()) == (stays, True)


def test_folders_without_locks_are_exchanged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refused(handle: int, kind: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    (tmp_path / "m").write_text("old")
    with exchanging(tmp_path), set_aside(tmp_path / "m"):
        assert aside_of(tmp_path / "m").exists()
    assert not list(tmp_path.iterdir())


def test_another_file_with_the_name_of_the_time_branch_stays(tmp_path: Path) -> None:
    main, branch = tmp_path / "m.onnx", tmp_path / "m.time.onnx"
    require_own_branch(main)
    branch.write_bytes(b"archgraph.time_branch_of\x12\x06m.onnx")
    assert is_time_branch(branch, "m.onnx")
    require_own_branch(main)
    for data in (b"mine", b"archgraph.time_branch_of\x12\x06n.onnx", b"m.onnx", b"archgraph.time_branch_of"):
        branch.write_bytes(data)
        assert not is_time_branch(branch, "m.onnx")
        with pytest.raises(ExportError, match="which is there, is not its time branch"):
            require_own_branch(main)
