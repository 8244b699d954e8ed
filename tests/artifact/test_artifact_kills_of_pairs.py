"""A process that dies between any two steps of an exchange: what is put in order is the old version or the new one."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from archgraph.artifact.file_names import TEMPORARY
from archgraph.artifact.metadata_keys import TIME_BRANCH_OF
from archgraph.artifact.recovery import recover
from archgraph.artifact.staging import Stage

Files = dict[str, bytes]
FOREIGN = {"other.onnx": b"other", "other.time.onnx": b"other", "m.onnx.rejected.txt": b"other"}


class DeadError(BaseException):
    """Nothing that a process does after its end has an effect."""


def model(version: str, *, pair: bool, proved: bool) -> Files:
    """The files of one version, by name; the model stands last."""
    main = f"model {version}".encode()
    branch = {"m.time.onnx": f"{TIME_BRANCH_OF.key} m.onnx {version}".encode()} if pair else {}
    told = {"sha256": hashlib.sha256(main).hexdigest()}
    certificate = {"m.onnx.certificate.json": json.dumps(told).encode()} if proved else {}
    return {**branch, **certificate, "m.onnx": main}


def checked(folder: Path, new: Files) -> None:
    """As an export that is verified before it is published."""
    with Stage(folder / "m.onnx") as stage:
        *others, main = new
        stage.write(folder / main, new[main])
        for name in others:
            stage.write(folder / name, new[name])
        assert stage.readable().read_bytes() == new[main]
        stage.publish()


def unchecked(folder: Path, new: Files) -> None:
    with Stage(folder / "m.onnx") as stage:
        for name, data in new.items():
            stage.write(folder / name, data)
        stage.publish()


def dies_at(number: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """From that change of the folder on, none happens any more. Gives the names of all that were asked for."""
    asked: list[str] = []

    def changing(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*given: Any, **more: Any) -> Any:
            asked.append(name)
            if len(asked) >= number:
                raise DeadError
            return real(*given, **more)

        return change

    for name in ("replace", "unlink", "link"):
        monkeypatch.setattr(os, name, changing(name, getattr(os, name)))
    monkeypatch.setattr(Path, "touch", changing("touch", Path.touch))
    return asked


def contents(folder: Path) -> Files:
    return {item.name: item.read_bytes() for item in folder.iterdir() if not TEMPORARY.search(item.name)}


OLD: dict[str, Files] = {
    "none": {},
    "file": model("0", pair=False, proved=False),
    "proved file": model("0", pair=False, proved=True),
    "pair": model("0", pair=True, proved=False),
    "proved pair": model("0", pair=True, proved=True),
}


@pytest.mark.parametrize("proved", [True, False], ids=["proved", "not proved"])
@pytest.mark.parametrize("pair", [True, False], ids=["to a pair", "to a file"])
@pytest.mark.parametrize("old", OLD)
def test_the_old_version_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, pair: bool, proved: bool
) -> None:
    exchanged, new, seen = checked if proved else unchecked, model("1", pair=pair, proved=proved), []
    for number in range(1, 40):
        folder = tmp_path / str(number) / "models"
        folder.mkdir(parents=True)
        for name, data in {**OLD[old], **FOREIGN}.items():
            (folder / name).write_bytes(data)
        with monkeypatch.context() as patched:
            asked = dies_at(number, patched)
            try:
                exchanged(folder, new)
            except DeadError:
                pass
            else:
                break
        recover(folder / "m.onnx")
        found = contents(folder)
        assert found in ({**OLD[old], **FOREIGN}, {**new, **FOREIGN}), asked
        seen.append(found == {**new, **FOREIGN})
        recover(folder / "m.onnx")
        assert contents(folder) == found
    assert contents(folder) == {**new, **FOREIGN}
    assert seen == sorted(seen)  # first the old one, from some step on the new one
    assert not seen[0]


@pytest.mark.parametrize("number", range(1, 12))
def test_what_puts_in_order_may_die_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    old, new = OLD["proved file"], model("1", pair=True, proved=True)
    (tmp_path / "models").mkdir()
    for name, data in old.items():
        (tmp_path / "models" / name).write_bytes(data)
    with monkeypatch.context() as patched:
        dies_at(9, patched)  # what was there is aside, and two of the new files are there
        with pytest.raises(DeadError):
            checked(tmp_path / "models", new)
    assert "m.time.onnx" in contents(tmp_path / "models")
    with monkeypatch.context() as patched:
        dies_at(number, patched)
        with suppress(DeadError):
            recover(tmp_path / "models" / "m.onnx")
    recover(tmp_path / "models" / "m.onnx")
    assert contents(tmp_path / "models") == old
