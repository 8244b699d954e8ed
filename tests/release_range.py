"""The suite on the oldest or the newest release of every dependency, in a fresh environment.

    python tests/release_range.py oldest
    python tests/release_range.py newest
    python tests/release_range.py newest --folder /tmp/newest tests/dims     # other pytest arguments follow

It takes minutes to install and minutes to run, so it is run by hand; docs/dependencies.md holds the last result.
"""

from __future__ import annotations

import argparse
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("train", "test")
_LOWEST = re.compile(r"(?P<name>[A-Za-z0-9_.-]+)(\[[^\]]*\])?[^;]*?>=\s*(?P<release>[0-9][0-9.]*)")


def requirements() -> list[str]:
    """What the package asks for, with what its tests ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(each for extra in EXTRAS for each in project["optional-dependencies"][extra])]
    return [each for each in asked if not each.startswith("archgraph")]


def oldest() -> Iterator[str]:
    """The lower end of each range as a pip constraint."""
    for each in requirements():
        found = _LOWEST.match(each)
        if found is None:
            raise SystemExit(f"{each!r} in pyproject.toml has no lower end")
        yield f"{found['name']}=={found['release']}"


def install(folder: Path, which: str) -> Path:
    """A fresh environment; its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    python = folder / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "-q"]
    subprocess.run([*command, "--upgrade", "pip"], check=True)
    chosen = []
    if which == "oldest":
        (folder / "oldest.txt").write_text("\n".join(oldest()) + "\n", encoding="utf-8")
        chosen = ["-c", str(folder / "oldest.txt")]
    subprocess.run([*command, *chosen, "-e", f"{ROOT}[{','.join(EXTRAS)}]"], check=True)
    return python


def releases(python: Path) -> str:
    """What was installed of what the package asks for, as one line."""
    names = sorted({re.split(r"[\[><=; ]", each, maxsplit=1)[0] for each in requirements()})
    code = (
        "import sys; from importlib.metadata import PackageNotFoundError, version\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(name, version(name))\n"
        "    except PackageNotFoundError: pass\n"
    )
    done = subprocess.run([str(python), "-c", code, *names], capture_output=True, text=True, check=True)
    return ", ".join(done.stdout.splitlines())


def main() -> int:
    """The exit status is pytest's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["oldest", "newest"])
    parser.add_argument("--folder", type=Path, help="where the environment is made and stays; else it is temporary")
    asked, others = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as temporary:
        python = install(asked.folder or Path(temporary), asked.which)
        print(f"Python {platform.python_version()}: {releases(python)}", flush=True)
        return subprocess.run([str(python), "-m", "pytest", *(others or ["-n", "2"])], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
