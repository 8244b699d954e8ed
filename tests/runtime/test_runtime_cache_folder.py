"""The folder of what is kept: where it is, what goes first, and by what a file in it is known again."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from archgraph.runtime import cache_folder
from archgraph.runtime.fingerprints import fingerprint
from archgraph.runtime.processor import core_count, cores, first_processor


def entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_fingerprint_is_taken_again_where_anything_changed(tmp_path: Path) -> None:
    memory = cache_folder.cache_folder("fingerprints", {"ARCHGRAPH_CACHE": str(tmp_path / "cache")})
    file = tmp_path / "file"
    file.write_bytes(b"one")
    assert fingerprint(file, memory) == fingerprint(file, None)
    assert memory is not None
    assert entries(memory.root) == []  # written a moment ago: a second change could bear the same time
    file.write_bytes(b"two")
    assert fingerprint(file, memory) == fingerprint(file, None)


def test_a_fingerprint_is_remembered_for_a_file_that_has_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archgraph.runtime import fingerprints

    monkeypatch.setattr(fingerprints, "SETTLED", -1)
    memory = cache_folder.cache_folder("fingerprints", {"ARCHGRAPH_CACHE": str(tmp_path / "cache")})
    file = tmp_path / "file"
    file.write_bytes(b"one")
    first = fingerprint(file, memory)
    monkeypatch.setattr(fingerprints, "_read_fingerprint", lambda path: pytest.fail("it was read again"))
    assert fingerprint(file, memory) == first
    monkeypatch.undo()
    file.write_bytes(b"two")
    assert fingerprint(file, memory) != first
    assert memory is not None
    (place,) = entries(memory.root)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    place.write_text("{")
    assert fingerprint(file, memory) == fingerprint(file, None)


def test_each_file_is_remembered_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from archgraph.runtime import fingerprints

    monkeypatch.setattr(fingerprints, "SETTLED", -1)
    memory = cache_folder.cache_folder("fingerprints", {"ARCHGRAPH_CACHE": str(tmp_path / "cache")})
    files = [tmp_path / name for name in ("one", "two", "three")]
    for file in files:
        file.write_text(file.name)
    first = [fingerprint(file, memory) for file in files]
    monkeypatch.setattr(fingerprints, "_read_fingerprint", lambda path: pytest.fail("it was read again"))
    assert [fingerprint(file, memory) for file in files] == first


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no such permissions here")
@pytest.mark.parametrize(
    ("mode", "own"),
    [(0o700, True), (0o755, True), (0o711, True), (0o744, True), (0o720, False), (0o702, False), (0o777, False)],
)
def test_a_folder_is_ones_own_where_nobody_else_may_write(tmp_path: Path, mode: int, own: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for name in ("folder", "file"):
        (tmp_path / name).chmod(mode)
    assert cache_folder.is_private_folder(tmp_path / "folder") is own
    assert cache_folder.is_private_file(tmp_path / "file") is own
    assert not cache_folder.is_private_file(tmp_path / "folder")
    assert not cache_folder.is_private_folder(tmp_path / "file")


def test_places_of_weights_that_are_not_clear_are_told_apart(tmp_path: Path) -> None:
    for content, places in (
        (b"..\x0a\x08location\x12\x05w.bin..", ("w.bin",)),
        (b"location", ()),
        (b"\x0a\x08location\x12\x80\x01" + b"w" * 128, None),
        (b"\x12\x05w.bin\x0a\x08location", None),
    ):
        (tmp_path / "file").write_bytes(content)
        assert fingerprint(tmp_path / "file", None).places == places


def test_where_the_cache_is() -> None:
    def place(**environment: str) -> Path | None:
        return cache_folder._base(environment)

    assert place(ARCHGRAPH_CACHE="/some/where") == Path("/some/where")
    assert place(ARCHGRAPH_CACHE="off", XDG_CACHE_HOME="/xdg") is None
    if os.name == "posix":
        assert place(XDG_CACHE_HOME="/xdg") == Path("/xdg/archgraph")
        assert place(XDG_CACHE_HOME="relative") == place()
        assert place() is not None


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    folder = cache_folder.cache_folder("sessions", {"ARCHGRAPH_CACHE": str(tmp_path), "ARCHGRAPH_CACHE_MB": "1"})
    assert folder is not None
    for age, name in enumerate(("new", "middle", "old")):
        with folder.draft() as draft:
            (draft / "data").write_bytes(bytes(400_000))
            os.utime(draft, (1e9 - age, 1e9 - age))
            draft.rename(folder.root / name)
    assert folder.entry("old") is not None  # used now
    folder.shrink()
    assert [path.name for path in entries(folder.root)] == ["new", "old"]


def test_abandoned_drafts_go_and_fresh_ones_stay(tmp_path: Path) -> None:
    folder = cache_folder.cache_folder("sessions", {"ARCHGRAPH_CACHE": str(tmp_path)})
    assert folder is not None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine, old, dead = f".draft-{os.getpid()}-a", f".draft-{os.getpid()}-old", f".draft-{ended.pid}-a"
    for name in (mine, old, dead):
        (folder.root / name).mkdir()
    os.utime(folder.root / old, (1e9, 1e9))
    folder.shrink()
    assert [path.name for path in entries(folder.root)] == ([mine] if os.name == "posix" else sorted([mine, dead]))


def test_the_instructions_of_a_processor() -> None:
    text = "processor\t: 0\nmodel name\t: Some CPU\ncpu MHz\t: 2100.1\nflags\t\t: sse avx2 avx\n\nprocessor\t: 1\n"
    assert first_processor(text) == ["model name: Some CPU", "flags: avx avx2 sse"]
    assert first_processor("") == []


def test_two_threads_of_a_core_count_once() -> None:
    told = [(0, 0, 0), (1, 0, 0), (2, 0, 1), (3, 0, 1), (4, 1, 0), (5, 1, 0)]
    text = "\n\n".join(f"processor\t: {n}\nphysical id\t: {a}\ncore id\t\t: {b}" for n, a, b in told)
    assert core_count(text, {0, 1, 2, 3, 4, 5}) == 3
    assert core_count(text, {0, 1, 4}) == 2
    assert core_count("", {0, 1, 4}) == 3
    assert 1 <= cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_the_cores_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be given fewer of them after its first session, as the workers of a server are."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert cores() == 1
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1000, 1001})
    assert cores() == 2
