"""What a file is, by its first bytes: against files that the libraries of each kind write."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import socket
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from PIL import Image
from safetensors.numpy import save

from archgraph.artifact.file_kinds import kind_of, not_a_file, not_weights, similar_file


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (2, 2)).save(stream, kind)
    return stream.getvalue()


def arrays(writer: Any) -> bytes:
    stream = io.BytesIO()
    writer(stream, np.zeros(2))
    return stream.getvalue()


def model() -> bytes:
    graph = onnx.helper.make_graph([], "g", [], [])
    return bytes(onnx.helper.make_model(graph, producer_name="p").SerializeToString())


NUMPY_ZIP = "a NumPy file (.npz)"
WRITTEN = {
    "a.png": (picture("PNG"), "a picture (PNG)"),
    "a.jpg": (picture("JPEG"), "a picture (JPEG)"),
    "a.gif": (picture("GIF"), "a picture (GIF)"),
    "a.tif": (picture("TIFF"), "a picture (TIFF)"),
    "a.webp": (picture("WEBP"), "a picture (WebP)"),
    "a.bmp": (picture("BMP"), "a picture (BMP)"),
    "a.BMP": (picture("BMP"), "a picture (BMP)"),
    "a.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a picture (SVG)"),
    "a.npy": (arrays(np.save), "a NumPy file (.npy)"),
    "a.npz": (arrays(np.savez), NUMPY_ZIP),
    "a.pt": (arrays(np.savez), "a zip file, such as a checkpoint of torch"),
    "a.pkl": (pickle.dumps([1], 4), "a pickle"),
    "old.pt": (pickle.dumps([1], 2), "a pickle"),
    "a.safetensors": (save({"w": np.zeros(3, np.float32)}), "a safetensors file"),
    "a.onnx": (model(), "an ONNX file"),
    "a.gz": (gzip.compress(b"x"), "a gzip file"),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_files_of_each_kind(tmp_path: Path, name: str) -> None:
    data, kind = WRITTEN[name]
    (tmp_path / name).write_bytes(data)
    assert kind_of(tmp_path / name) == kind
    is_other = kind == "an ONNX file" or kind.startswith(("a picture", "a NumPy"))
    assert not_weights(tmp_path / name) == (kind if is_other else "")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt "),
        ("a.webp", b"LIST\x24\0\0\0WEBPVP8 "),
        ("a.txt", b"BM is how this text begins"),
        ("a.bmp", b"no picture"),
        ("a.json", b'{"a": 1, "b": 2}'),
        ("a.json", b'      { {"a": 1}'),  # spaces, as a length, are more than a header may have
        ("a.bin", b"\x08\0\0\0\0\0\0\0no brace"),
        ("a.bin", b"\x08\x0a"),
        ("a.bin", b"\x08\x0a\x1a\x01p"),
        ("a.bin", b"\x0a\x0a\x12\x01p"),
        ("a.txt", b"\x08!\x12 what no version of ONNX is"),
        ("a.txt", b""),
    ],
)
def test_what_only_looks_like_one(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    assert kind_of(tmp_path / name) == not_weights(tmp_path / name) == ""


def test_a_spec_is_told_by_its_suffix(tmp_path: Path) -> None:
    for name in ("a.yaml", "a.YML"):
        assert not_weights(tmp_path / name) == ""
        (tmp_path / name).write_text("archgraph: 1")
        assert not_weights(tmp_path / name) == "a spec"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_what_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket may have 107 bytes
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("socket")
        found = [not_a_file(Path(name)) for name in (".", "pipe", "socket", os.devnull, "none")]
    assert found == ["a folder", "a pipe", "a socket", "a device", ""]
    assert [kind_of(Path(name)) for name in (".", "pipe", "none")] == ["", "", ""]


def test_a_file_that_is_not_there_is_likely_one_next_to_it(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").touch()
    assert similar_file(tmp_path / "weigths.safetensors") == "did you mean 'weights.safetensors'?"
    assert similar_file(tmp_path / "photo.png") == ""
    assert similar_file(tmp_path / "no" / "photo.png") == f"there is no folder '{tmp_path / 'no'}' either"
