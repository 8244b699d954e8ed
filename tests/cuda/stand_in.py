"""A stand-in for NVIDIA's libraries, from the names that ONNX Runtime's CUDA provider asks for."""

from __future__ import annotations

import mmap
import re
import subprocess
from collections import defaultdict
from pathlib import Path

BEHAVIOUR = Path(__file__).with_name("stand_in.c")
LOADED_LATE = ("libcudnn.so.9", "libcufft.so.12", "libnvrtc.so.13")
_LATE = re.compile(rb"\0((?:cudnn|cufft|nvrtc)[A-Z]\w+)(?=\0)")


def build(provider: Path, folder: Path, capability: int = 80) -> None:
    versions = _linked(provider)
    names = {name for group in versions.values() for name in group} | _late(provider)
    (folder / "rest.c").write_text("".join(_succeeding(name) for name in sorted(names)))
    (folder / "versions.map").write_text(
        "".join(f"{v} {{ global: {' '.join(f'{n};' for n in sorted(g))} }};\n" for v, g in versions.items() if v)
    )
    library = folder / "libstandin.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-w", f"-DCAPABILITY={capability}", str(BEHAVIOUR), str(folder / "rest.c"),
         f"-Wl,--version-script={folder / 'versions.map'}", "-o", str(library)], check=True)
    for name in {*_needed(provider), *LOADED_LATE}:
        (folder / name).symlink_to(library.name)


def _succeeding(name: str) -> str:
    makes = "Create" in name and name != "cufftCreate"
    return f"__attribute__((weak)) int {name}(void **made) {{ {'static int it; *made = &it; ' if makes else ''}return 0; }}\n"


def _linked(provider: Path) -> dict[str, set[str]]:
    told = subprocess.run(["nm", "-D", "--undefined-only", "--with-symbol-versions", str(provider)], capture_output=True, text=True, check=True).stdout
    found: dict[str, set[str]] = defaultdict(set)
    for symbol in re.findall(r" U (\S+)", told):
        name, _, version = symbol.partition("@")
        if re.match(r"(__cuda|cu)[A-Za-z]", name):
            found[version].add(name)
    return found


def _needed(provider: Path) -> list[str]:
    told = subprocess.run(["readelf", "-d", str(provider)], capture_output=True, text=True, check=True).stdout
    return re.findall(r"NEEDED.*\[(libcu\S+)\]", told)


def _late(provider: Path) -> set[str]:
    with provider.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {name.decode() for name in _LATE.findall(data)}
