"""A stand-in for NVIDIA's libraries, made from the names that ONNX Runtime's CUDA provider asks for.

With it that provider loads and opens files on a machine without a GPU: its reading of options, its choice of nodes, its
change of layout and its optimisations are the real ones. It computes nothing: no kernel runs, so no number means
anything, and no time does. What must behave is in `stand_in.c`; every other function answers that all went well.
"""

from __future__ import annotations

import mmap
import re
import subprocess
from collections import defaultdict
from pathlib import Path

BEHAVIOUR = Path(__file__).with_name("stand_in.c")
LIBRARY = "libstandin.so"
LOADED_LATE = ("libcudnn.so.9", "libcufft.so.12")
"""What the provider does not name as needed, but loads by name when it is."""

_LATE_FUNCTION = re.compile(rb"\0((?:cudnn|cufft)[A-Z]\w+)(?=\0)")
_FUNCTION = re.compile(r" U ((?:__cuda|cu[a-z]*[A-Z])\w*)(?:@(\S+))?$", re.MULTILINE)
RUNTIME = "libcudart.so.13"
_NEEDED = re.compile(r"NEEDED.*\[(libcu\S+)\]")


def build(provider: Path, folder: Path) -> None:
    """Compiles the stand-in for a provider's library: one library, under the names of all those that are needed.

    Raises CalledProcessError.
    """
    versions = _linked(provider)
    names = {name for group in versions.values() for name in group} | _loaded_late(provider)
    rest, script = folder / "rest.c", folder / "versions.map"
    rest.write_text("".join(map(_succeeding, sorted(names))))
    script.write_text("".join(_version(title, group) for title, group in versions.items() if title))
    how = ("-shared", "-fPIC", "-O1", "-w", f"-Wl,--version-script={script}")
    _output("cc", *how, str(BEHAVIOUR), str(rest), "-o", str(folder / LIBRARY))
    for name in {*needed(provider), *LOADED_LATE}:
        (folder / name).symlink_to(LIBRARY)


def needed(provider: Path) -> list[str]:
    """NVIDIA's libraries that a provider's library is linked with. Raises CalledProcessError."""
    return _NEEDED.findall(_output("readelf", "-d", str(provider)))


def _succeeding(name: str) -> str:
    """A function that succeeds, and hands out a handle where its name says so. `stand_in.c` has precedence."""
    makes = "Create" in name and name != "cufftCreate"  # that handle is a number
    body = "static int it; *made = &it; return 0;" if makes else "return 0;"
    return f"__attribute__((weak)) int {name}(void **made) {{ {body} }}\n"


def _version(title: str, names: set[str]) -> str:
    return f"{title} {{ global: {' '.join(f'{name};' for name in sorted(names))} }};\n"


def _linked(provider: Path) -> dict[str, set[str]]:
    """The functions that the provider is linked with, by the version that it asks for ('' where it asks for none)."""
    found: dict[str, set[str]] = defaultdict(set)
    listed = _output("nm", "-D", "--undefined-only", "--with-symbol-versions", str(provider))
    for name, version in _FUNCTION.findall(listed):
        found[version].add(name)
    return found


def _loaded_late(provider: Path) -> set[str]:
    """Those that it looks up by name when it needs them."""
    with provider.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return {name.decode() for name in _LATE_FUNCTION.findall(data)}


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
