"""A stage publishes all of its files or none, and the one atomic writer leaves nothing behind."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from archgraph.artifact import atomic_files
from archgraph.artifact.atomic_files import replacing, write_whole
from archgraph.artifact.digests import bytes_digest, file_digest, text_digest
from archgraph.artifact.file_names import companions_of, rejected_of
from archgraph.artifact.staging import staged
from archgraph.errors import ExportError, RunError, VerificationError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"""Of `abc`: FIPS 180-4, https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values"""


@pytest.fixture(params=["nameless", "named"])
def path(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a model goes, on a system that has files without names and on one that has not."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    old = os.umask(0o022)
    yield tmp_path / "m.onnx"
    os.umask(old)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_staged_files_are_read_where_they_lie_together_and_published_together(path: Path) -> None:
    path.write_bytes(b"old")
    with staged(path) as stage:
        stage.write(path, b"model")
        stage.write(companions_of(path)[0], b"data")
        seen = stage.readable()
        assert (seen.name, seen.read_bytes(), seen.with_name("m.onnx.data").read_bytes()) == (
            "m.onnx",
            b"model",
            b"data",
        )
        assert path.read_bytes() == b"old"
        stage.write(companions_of(path)[3], b"{}")
        stage.publish()
    assert contents(path.parent) == {"m.onnx": b"model", "m.onnx.data": b"data", "m.onnx.certificate.json": b"{}"}


def test_what_is_not_published_leaves_nothing(path: Path) -> None:
    for readable in (False, True):
        with staged(path) as stage:
            stage.write(path, b"model")
            if readable:
                stage.readable()
    assert not list(path.parent.iterdir())


def test_a_rejected_model_is_kept_next_to_its_place(path: Path) -> None:
    for version in (b"1", b"2"):
        with staged(path) as stage:
            stage.write(path, version)
            stage.readable()
            stage.write(companions_of(path)[3], version)
            assert stage.reject() == rejected_of(path)
    assert contents(path.parent) == {"m.onnx.rejected/m.onnx": b"2", "m.onnx.rejected/m.onnx.certificate.json": b"2"}


def test_errors_speak_of_the_file_and_not_of_the_stage(path: Path) -> None:
    with pytest.raises(VerificationError) as raised, staged(path) as stage:  # noqa: PT012, both are one stage
        stage.write(path, b"model")
        raise VerificationError(f"{stage.readable()} departs")
    assert raised.value.problems[0].message == f"{path} departs"
    with pytest.raises(ExportError, match=r"m.onnx cannot be written: No space left on device"), staged(path):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("mode", [0o666, 0o600])
def test_a_file_is_written_whole_with_its_permissions(path: Path, mode: int) -> None:
    write_whole(path, b"abc", mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode & ~0o022
    assert contents(path.parent) == {"m.onnx": b"abc"}


def test_an_interrupted_writer_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:  # noqa: PT012
        file.write(b"new")
        raise KeyboardInterrupt
    assert contents(path.parent) == {"m.onnx": b"old"}

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "replace", full)
    message = r"m.onnx cannot be written\n  received: No space left on device"
    with pytest.raises(RunError, match=message), replacing(path) as file:
        file.write(b"new")
    assert contents(path.parent) == {"m.onnx": b"old"}


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "bc").write_bytes(b"bc")
    assert bytes_digest(b"abc") == text_digest("abc") == file_digest(tmp_path / "a", tmp_path / "bc") == ABC
    assert file_digest(tmp_path / "a") == bytes_digest(b"a") != ABC
