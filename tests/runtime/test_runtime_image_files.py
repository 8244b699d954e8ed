"""Picture files: only named formats are opened, and every kind of pixel has its value or is refused."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from archgraph.errors import ArchgraphError, InputError
from archgraph.runtime import image_files, load_image


def photo(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Gradients and noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(0).integers(0, 40, (height, width))
    channels = (rows * 255 // height, columns * 255 // width, (rows + columns) % 200 + noise)
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8)).convert(mode)


def pixels(path: Path) -> list[Any]:
    """All pixels of a file in the order of reading, as RGB."""
    image = load_image(path)
    assert image.mode == "RGB"
    return [tuple(map(int, pixel)) for pixel in np.asarray(image).reshape(-1, 3)]


def grey(*values: int) -> list[tuple[int, int, int]]:
    return [(value, value, value) for value in values]


# -- formats -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_named_formats_are_opened_whatever_the_file_is_called(tmp_path: Path, format: str) -> None:
    path = tmp_path / "picture.dat"
    Image.new("RGB", (8, 8), (255, 0, 0)).save(path, format=format)
    np.testing.assert_allclose(pixels(path), [(255, 0, 0)] * 64, atol=2)  # JPEG and WebP round


@pytest.mark.parametrize("format", ["EPS", "ICO", "PCX", "TGA", "SGI", "ICNS", "JPEG2000", "PDF"])
def test_other_formats_are_refused_though_pillow_knows_them(tmp_path: Path, format: str) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (16, 16), (255, 0, 0)).save(path, format=format)
    with pytest.raises(InputError, match=r"picture.png is not an image\n  expected: PNG, JPEG, WebP, GIF"):
        load_image(path)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"


def test_no_program_is_started_for_postscript(tmp_path: Path) -> None:
    """A `gs` on PATH would leave a file; a fresh process, because Pillow remembers whether there is one."""
    fake = tmp_path / "bin" / "gs"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
    fake.chmod(0o755)
    (tmp_path / "x.png").write_bytes(POSTSCRIPT)
    program = "import sys, archgraph.runtime as r\ntry: r.load_image(sys.argv[1])\nexcept Exception as e: print(e)"
    found = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.png")],
        env={**os.environ, "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "received: PostScript\n" in found.stdout
    assert not (tmp_path / "started").exists()


# -- pixels ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_grey_is_scaled(tmp_path: Path, name: str) -> None:
    """65,535 is white, and 257 is one step of 8 bits."""
    Image.fromarray(np.array([[0, 257, 999, 32896, 65535]], np.uint16)).save(tmp_path / name)
    assert pixels(tmp_path / name) == grey(0, 1, 4, 128, 255)


def test_16_bit_grey_of_other_byte_orders_and_of_ppm(tmp_path: Path) -> None:
    values = np.array([[0, 257, 65535]], np.uint16)
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 65535\n" + values.astype(">u2").tobytes())
    big = struct.pack(">2sHI", b"MM", 42, 14) + values.astype(">u2").tobytes()
    tags = [(256, 3, 3), (257, 3, 1), (258, 3, 16), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 3, 1), (279, 4, 6)]
    entries = b"".join(
        struct.pack(">HHI", tag, kind, 1) + (struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value))
        for tag, kind, value in tags
    )
    (tmp_path / "a.tif").write_bytes(big + struct.pack(">H", len(tags)) + entries + struct.pack(">I", 0))
    assert pixels(tmp_path / "a.pgm") == grey(0, 1, 255)
    assert pixels(tmp_path / "a.tif") == grey(0, 1, 255)


def test_16_bit_colour_keeps_its_first_8_bits(tmp_path: Path) -> None:
    row = b"\0" + np.array([0, 0x80FF, 0xFFFF], ">u2").tobytes()
    (tmp_path / "a.png").write_bytes(png(1, 1, 16, 2, row))
    assert pixels(tmp_path / "a.png") == [(0, 0x80, 255)]


@pytest.mark.parametrize(
    ("array", "received"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), "floating-point numbers"),
        (np.array([[0, 70000]], np.int32), "whole numbers of more than 16 bits, or with a sign"),
    ],
)
def test_pixels_without_a_known_white_are_refused(tmp_path: Path, array: np.ndarray, received: str) -> None:
    Image.fromarray(array).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=f"black and white are not known(.|\n)*received: {received}(.|\n)*npy"):
        load_image(tmp_path / "a.tif")


def test_1_bit_is_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert pixels(tmp_path / "a.png") == grey(255, 0)


def test_transparency_shows_white(tmp_path: Path) -> None:
    """c α + 255 (1 - α), whatever colour a transparent pixel hides."""
    Image.fromarray(np.array([[[0, 255], [0, 0], [0, 51]]], np.uint8), "LA").save(tmp_path / "la.png")
    assert pixels(tmp_path / "la.png") == grey(0, 255, 204)
    several = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 255, 51]]], np.uint8)
    Image.fromarray(several).save(tmp_path / "rgba.png")
    assert pixels(tmp_path / "rgba.png") == [(255, 0, 0), (255, 255, 255), (204, 204, 255)]


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "plain.png")
    assert pixels(tmp_path / "plain.png") == [(0, 0, 0), (255, 0, 0), (0, 255, 0)]
    image.save(tmp_path / "one.png", transparency=0)
    assert pixels(tmp_path / "one.png") == [(255, 255, 255), (255, 0, 0), (0, 255, 0)]
    image.save(tmp_path / "several.png", transparency=bytes([255, 0, 51]))
    assert pixels(tmp_path / "several.png") == [(0, 0, 0), (255, 255, 255), (204, 255, 204)]
    image.save(tmp_path / "one.gif", transparency=1)
    assert pixels(tmp_path / "one.gif") == [(0, 0, 0), (255, 255, 255), (0, 255, 0)]


def test_cmyk(tmp_path: Path) -> None:
    """R = 255 (1 - C) (1 - K), and so on."""
    inks = np.array([[[0, 0, 0, 0], [255, 0, 0, 0], [0, 0, 0, 255], [0, 0, 255, 51]]], np.uint8)
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif")
    assert pixels(tmp_path / "a.tif") == [(255, 255, 255), (0, 255, 255), (0, 0, 0), (204, 204, 0)]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tif"])
def test_of_several_pictures_the_first(tmp_path: Path, name: str) -> None:
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ("red", "blue"))
    first.save(tmp_path / name, save_all=True, append_images=[second])
    np.testing.assert_allclose(pixels(tmp_path / name), [(255, 0, 0)] * 16, atol=2)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path: Path, orientation: int) -> None:
    """How each EXIF orientation is stored, by definition: 1 is upright, 6 must be turned a quarter to the right."""
    upright = np.asarray(photo(6, 4))
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(load_image(tmp_path / "turned.png")), upright)


# -- files that are none -----------------------------------------------------------------------------------------------


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_files_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "nothing.png").write_bytes(png(0, 0, 8, 2, b""))
    for name in ("cut.png", "cut.jpg", "cut.gif", "cut.webp", "cut.bmp", "cut.tif", "cut.ppm"):
        photo(200, 200).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    for name, message in (
        ("text.png", "text.png is not an image"),
        ("empty.png", r"empty.png is not an image(.|\n)*received: an empty file"),
        ("nothing.png", "nothing.png (has no pixels|cannot be read|is not an image)"),
        *(
            (f"cut.{suffix}", "cannot be read as|is not an")
            for suffix in ["png", "jpg", "gif", "webp", "bmp", "tif", "ppm"]
        ),
        ("missing.png", "there is no file '.*missing.png'"),
        ("emty.png", r"there is no file '.*emty.png'(.|\n)*did you mean 'empty.png'"),
        (".", r"cannot be read as an image(.|\n)*received: a folder"),
    ):
        with pytest.raises(InputError, match=message):
            load_image(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_nobody_waits_for_a_pipe_or_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    for path, kind in ((tmp_path / "x.png", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(InputError, match=f"cannot be read as an image(.|\n)*received: {kind}"):
            load_image(path)


def test_a_picture_that_would_exhaust_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo(50, 50).save(tmp_path / "big.png")
    monkeypatch.setattr(image_files, "MOST_PIXELS", 2499)
    with pytest.raises(InputError) as caught:
        load_image(tmp_path / "big.png")
    assert str(caught.value).endswith("is too large an image\n  expected: at most 2,499 pixels\n  received: 50 × 50")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="is too large an image"):
        load_image(tmp_path / "big.png")


def test_a_few_bytes_that_claim_to_be_huge(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(png(60_000, 60_000, 8, 2, b""))
    with pytest.raises(InputError, match="is too large an image"):
        load_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_damage_is_an_error_of_ours_or_a_picture(tmp_path: Path, format: str) -> None:
    whole = io.BytesIO()
    photo(12, 9).save(whole, format)
    random = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole.getvalue())
        for place in random.integers(0, len(data), 4):
            data[place] = random.integers(0, 256)
        (tmp_path / "x").write_bytes(bytes(data[: random.integers(1, len(data) + 1)]))
        try:
            assert load_image(tmp_path / "x").mode == "RGB"
        except ArchgraphError as error:
            assert type(error) is InputError  # noqa: PT017 - a damaged file may be a picture still
