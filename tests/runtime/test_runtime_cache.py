"""Files kept as ONNX Runtime has optimised them: the same results to the bit, and never those of another file."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from deep_network import deep_network, with_data_beside

from archgraph.artifact.digests import file_digest
from archgraph.errors import ModelFileError, RunError
from archgraph.runtime import Session, optimized_models

IMAGE = np.random.default_rng(3).random((2, 3, 12, 12), dtype=np.float32)

Damage = Callable[[Path], Any]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for the test, which takes small files too."""
    monkeypatch.setenv("ARCHGRAPH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(optimized_models, "SMALLEST", 0)
    return tmp_path / "cache" / "sessions"


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    return deep_network(tmp_path / "deep.onnx")


def opened(path: Path, **options: Any) -> tuple[bool, np.ndarray]:
    """Whether the session came from the cache, and what it computes."""
    with Session(path, "cpu", **options) as session:
        return session.cached, session.run(image=IMAGE.astype(session.inputs[0].dtype))["logits"]


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir()) if cache.exists() else []


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_the_second_time_it_comes_from_the_cache_equal_to_the_bit(tmp_path: Path, cache: Path, dtype: type) -> None:
    path = deep_network(tmp_path / "deep.onnx", dtype=dtype)
    runs = [opened(path), opened(path), opened(path, cache=False)]
    assert [cached for cached, _ in runs] == [False, True, False]
    assert runs[0][1].dtype == dtype
    np.testing.assert_array_equal(runs[1][1], runs[2][1])
    np.testing.assert_array_equal(runs[0][1], runs[2][1])


def test_the_kept_graph_is_the_optimised_one_and_opening_it_changes_nothing(
    tmp_path: Path, cache: Path, deep: Path
) -> None:
    opened(deep)
    (entry,) = entries(cache)
    kept = [node.op_type for node in onnx.load(entry / "model.onnx", load_external_data=False).graph.node]
    assert "BatchNormalization" in [node.op_type for node in onnx.load(deep).graph.node]
    assert "BatchNormalization" not in kept
    ort = optimized_models.load_onnxruntime()
    options = optimized_models.session_options(ort, None)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(tmp_path / "again.onnx")
    ort.InferenceSession(str(entry / "model.onnx"), options, providers=["CPUExecutionProvider"])
    again = [node.op_type for node in onnx.load(tmp_path / "again.onnx", load_external_data=False).graph.node]
    assert again == kept


def test_what_a_file_says_of_itself_is_the_same_from_the_cache(cache: Path, deep: Path) -> None:
    with Session(deep, "cpu") as first, Session(deep, "cpu") as second:
        assert second.cached
        assert second.metadata == first.metadata
        assert second.placement == first.placement
        assert second.placement is None or second.placement.operations("CPUExecutionProvider")["Relu"] == 1


def test_threads_share_an_entry(cache: Path, deep: Path) -> None:
    opened(deep, threads=1)
    assert opened(deep, threads=2)[0]


@pytest.mark.parametrize("beside", [False, True])
def test_other_weights_are_another_entry(tmp_path: Path, cache: Path, deep: Path, beside: bool) -> None:
    changed = with_data_beside(deep) if beside else deep
    before = opened(deep)[1]
    assert opened(deep)[0]
    times = changed.stat()
    content = bytearray(changed.read_bytes())
    place = content.find(np.float32(0.625).tobytes())
    content[place : place + 4] = np.float32(-4).tobytes()
    changed.write_bytes(content)
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    cached, after = opened(deep)
    assert not cached
    assert (before != after).any()


@pytest.mark.parametrize("what", ["__version__", "processor"])
def test_another_runtime_or_processor_has_its_own_entry(
    cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    opened(deep)
    if what == "processor":
        monkeypatch.setattr(optimized_models, "processor", lambda: "another")
    else:
        monkeypatch.setattr(optimized_models.load_onnxruntime(), "__version__", "0.0.1")
    assert not opened(deep)[0]
    assert len(entries(cache)) == 2


def flip_last(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def to_link(path: Path) -> None:
    other = path.parent.parent.parent / "elsewhere"
    shutil.copytree(path, other) if path.is_dir() else shutil.copy(path, other)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda entry: flip_last(entry / "model.onnx"), id="graph changed"),
        pytest.param(lambda entry: flip_last(entry / "model.onnx.data"), id="weights changed"),
        pytest.param(lambda entry: os.truncate(entry / "model.onnx.data", 64), id="weights cut"),
        pytest.param(lambda entry: (entry / "model.onnx").unlink(), id="graph gone"),
        pytest.param(lambda entry: (entry / "model.onnx.data").unlink(), id="weights gone"),
        pytest.param(lambda entry: (entry / "entry.json").write_text("{"), id="entry cut"),
        pytest.param(lambda entry: (entry / "entry.json").write_text("[]"), id="entry of another kind"),
        pytest.param(lambda entry: (entry / "entry.json").unlink(), id="entry gone"),
        pytest.param(lambda entry: (entry / "model.onnx").chmod(0o666), id="others may write"),
        pytest.param(to_link, id="a link to a folder"),
        pytest.param(lambda entry: to_link(entry / "model.onnx"), id="a link to a file"),
        pytest.param(lambda entry: (shutil.rmtree(entry), entry.write_text("a file")), id="a file"),
    ],
)
def test_a_damaged_entry_is_made_anew(cache: Path, deep: Path, damage: Damage) -> None:
    expected = opened(deep)[1]
    (entry,) = entries(cache)
    damage(entry)
    for cached in (False, True):
        found = opened(deep)
        assert found[0] == cached
        np.testing.assert_array_equal(found[1], expected)
    assert entries(cache) == [entry]
    assert not entry.is_symlink()


def test_what_a_link_points_to_is_left_alone(cache: Path, deep: Path) -> None:
    opened(deep)
    (entry,) = entries(cache)
    to_link(entry)
    opened(deep)
    assert {path.name for path in (cache.parent.parent / "elsewhere").iterdir()} >= {"model.onnx", "entry.json"}


def test_an_entry_that_onnx_runtime_refuses_is_made_anew(cache: Path, deep: Path) -> None:
    import json

    opened(deep)
    (entry,) = entries(cache)
    (entry / "model.onnx").write_bytes(b"no graph")
    told = json.loads((entry / "entry.json").read_text())
    told["files"]["model.onnx"]["digest"] = file_digest(entry / "model.onnx")
    (entry / "entry.json").write_text(json.dumps(told))
    assert [opened(deep)[0] for _ in range(2)] == [False, True]


@pytest.mark.parametrize("value", ["off", "OFF", "0"])
def test_switched_off(tmp_path: Path, cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ARCHGRAPH_CACHE", value)
    monkeypatch.chdir(tmp_path)
    assert [opened(deep)[0] for _ in range(2)] == [False, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep.onnx"]


def test_nothing_is_kept_of_small_files(cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimized_models, "SMALLEST", 1 << 18)
    assert [opened(deep)[0] for _ in range(2)] == [False, False]
    assert entries(cache) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_the_cache_is_private(cache: Path, deep: Path) -> None:
    opened(deep)
    (entry,) = entries(cache)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (cache, entry)] == [0o700, 0o700]
    assert {stat.S_IMODE(path.stat().st_mode) for path in entry.iterdir()} == {0o600}
    cache.chmod(0o777)
    assert not opened(deep)[0]  # what others may write to is not trusted


def test_a_place_that_cannot_be_written_to_is_done_without(
    tmp_path: Path, cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ARCHGRAPH_CACHE", str(tmp_path / "file"))
    assert [opened(deep)[0] for _ in range(2)] == [False, False]


def test_a_full_disk_is_done_without(cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(optimized_models, "_describe", full)
    assert not opened(deep)[0]
    assert entries(cache) == []


def test_a_file_that_is_replaced_while_it_is_opened_leaves_nothing(
    cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = optimized_models._saving

    def replaced(path: Path, threads: int | None, graph: Path) -> Any:
        session = honest(path, threads, graph)
        deep_network(path, scale=2)
        return session

    monkeypatch.setattr(optimized_models, "_saving", replaced)
    opened(deep)
    assert entries(cache) == []


@pytest.mark.parametrize("beside", [False, True])
def test_a_file_that_is_replaced_after_its_key_was_made_leaves_nothing(
    tmp_path: Path, cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    """Else the old file, where it comes again, would meet the new one's graph. Digests of large weights take time."""
    changed = with_data_beside(deep) if beside else deep
    honest = optimized_models.key_of

    def replaced(*given: Any) -> str | None:
        key = honest(*given)
        (tmp_path / "other").mkdir()
        other = deep_network(tmp_path / "other" / "deep.onnx", scale=2)
        (with_data_beside(other) if beside else other).replace(changed)
        return key

    monkeypatch.setattr(optimized_models, "key_of", replaced)
    opened(deep)
    assert entries(cache) == []


def test_a_damaged_file_is_refused_as_ever_and_leaves_nothing(cache: Path, deep: Path) -> None:
    deep.write_bytes(deep.read_bytes()[:-100])
    with pytest.raises(ModelFileError, match="is damaged"):
        opened(deep)
    assert entries(cache) == []


def test_a_file_larger_than_the_limit_is_not_kept(cache: Path, deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHGRAPH_CACHE_MB", "0")
    assert [opened(deep)[0] for _ in range(2)] == [False, False]
    monkeypatch.setenv("ARCHGRAPH_CACHE_MB", "2 GB")
    with pytest.raises(RunError) as caught:
        opened(deep)
    assert str(caught.value) == (
        "error: ARCHGRAPH_CACHE_MB is a number of megabytes\n  expected: such as 2048\n  received: 2 GB"
    )


def test_many_at_once_agree_and_leave_one_entry(cache: Path, deep: Path) -> None:
    expected = opened(deep, cache=False)[1]
    wrong: list[int] = []
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for _ in range(3):
            if not np.array_equal(opened(deep, threads=1)[1], expected):
                wrong.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert len(entries(cache)) == 1
