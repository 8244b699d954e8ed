"""Exports that are killed at any moment, or that find the disk full, leave the old version or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from linear_chain import FOLDER, network, state

from archgraph.artifact.atomic_files import nameless
from archgraph.artifact.file_names import TEMPORARY, temporary_of
from archgraph.artifact.recovery import recover
from archgraph.export import export
from archgraph.export.serialization import streaming

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a fork")
LAYOUTS = {"one file": 10**9, "data beside": 5000}

SCRIPT = """
import os, random, resource, signal, sys, time
from pathlib import Path
sys.path[:0] = {tests!r}
import linear_chain as here
import archgraph.export.serialization.protobuf
from archgraph.errors import ExportError
from archgraph.export import export
from archgraph.export.serialization import streaming

streaming.LARGEST_SINGLE_FILE = {limit}
os.fsync = lambda handle: None  # slow, and nothing to a kill: the system goes on

def exported(path, version):
    export(here.network(), here.state(version), path)

def killed_at(name, number):
    done, real = [], getattr(os, name)
    def counting(*given, **more):
        done.append(1)
        if len(done) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **more)
    setattr(os, name, counting)

def full(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

def forked(folder, prepare, seconds=None):
    path = Path({folder!r}) / folder / "m.onnx"
    path.parent.mkdir()
    exported(path, 0)
    child = os.fork()
    if not child:
        prepare()
        try:
            exported(path, 1)
        except ExportError:
            os._exit(3)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    (path.parent / "status").write_text(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))

(Path({folder!r}) / "warm").mkdir()
exported(Path({folder!r}) / "warm" / "m.onnx", 0)
start = time.perf_counter()
exported(Path({folder!r}) / "warm" / "m.onnx", 0)
took, draw = time.perf_counter() - start, random.Random(4)
for number in range(8):
    forked(f"moment{{number}}", lambda: None, draw.random() * 1.5 * took)
for name in ("replace", "fsync", "link", "unlink"):
    for number in range(1, 5):
        forked(f"{{name}}{{number}}", lambda: killed_at(name, number))
for size in (0, 1000, 6000):
    forked(f"full{{size}}", lambda: full(size))
"""


@pytest.fixture(scope="module", params=sorted(LAYOUTS))
def left(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one folder for each export that was killed."""
    folder = tmp_path_factory.mktemp("left")
    script = SCRIPT.format(tests=[FOLDER], limit=LAYOUTS[request.param], folder=str(folder))
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=True)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {item.name: item.read_bytes() for item in folder.iterdir() if item.name != "status"}


def versions(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, bytes]]:
    """What the folders of both versions hold, exported in peace."""
    if (left / "warm" / "m.onnx.data").exists():
        monkeypatch.setattr(streaming, "LARGEST_SINGLE_FILE", LAYOUTS["data beside"])
    for version in (0, 1):
        (tmp_path / str(version)).mkdir()
        export(network(), state(version), tmp_path / str(version) / "m.onnx")
    return [contents(tmp_path / str(version)) for version in (0, 1)]


def test_a_single_file_needs_no_putting_in_order(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its old version is there until the new one is, and what is unfinished has no name."""
    old, new = versions(left, tmp_path, monkeypatch)
    handle = nameless(tmp_path)
    if len(old) > 1 or handle is None:
        pytest.skip("of a single file, where files without names are to be had")
    os.close(handle)
    for folder in sorted(left.glob("moment*")):  # nothing was recovered yet
        assert {name: data for name, data in contents(folder).items() if not TEMPORARY.search(name)} in (old, new)
    assert contents(left / "fsync1") == old


def test_a_kill_leaves_the_old_version_or_the_new_one(
    left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = versions(left, tmp_path, monkeypatch)
    found = []
    for folder in sorted(left.iterdir()):
        if folder.name != "warm" and not folder.name.startswith("full"):
            recover(folder / "m.onnx")
            assert contents(folder) in (old, new), folder.name
            found.append((contents(folder) == new, (folder / "status").read_text()))
    assert {("-9" in status) for _, status in found} == {False, True}
    assert {is_new for is_new, status in found if status == "-9"} == {False, True} or len(old) == 1


def test_a_full_disk_leaves_the_old_version(left: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _ = versions(left, tmp_path, monkeypatch)
    for folder in left.glob("full*"):
        assert (folder / "status").read_text() == "3"
        assert contents(folder) == old


def dead_process() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_only_what_nobody_works_on_is_removed(tmp_path: Path) -> None:
    """Of the same file, on this machine, by a process that is dead."""
    path, dead = tmp_path / "m.onnx", dead_process()
    living = temporary_of(path).name
    mine, theirs = f"-{os.getpid()}-", f"-{dead}-"
    gone = [living.replace(mine, theirs), temporary_of(tmp_path / "m.onnx.data").name.replace(mine, theirs)]
    kept = [
        living,
        temporary_of(tmp_path / "other.onnx").name.replace(mine, theirs),
        f".m.onnx.00000000-{dead}-00000000.tmp",
        ".m.onnx.notes.tmp",
        "m.onnx.old",
    ]
    for name in [*gone, *kept]:
        (tmp_path / name).write_text("x")
    folder = tmp_path / temporary_of(path).name.replace(mine, theirs)
    folder.mkdir()
    (folder / "m.onnx").write_text("x")
    export(network(), state(), path)
    assert sorted(item.name for item in tmp_path.iterdir()) == sorted([*kept, "m.onnx"])


def test_where_no_file_is_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    assert nameless(tmp_path) is None
    export(network(), state(), tmp_path / "m.onnx")
    assert [item.name for item in tmp_path.iterdir()] == ["m.onnx"]
