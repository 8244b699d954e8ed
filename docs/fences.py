"""Runs the fenced blocks of a page and writes down what they print, so that no page shows what is not so.

    ```yaml      a spec. Where it lacks `archgraph`, `name` or `inputs`, those of `HEAD` are added at its end (no
                 `inputs` where it extends another one). A first
                 line `# net.yaml` names its file for the blocks below.
    ```json      a whole spec
    ```python    run in the namespace of the page
    ```console   `$ archgraph …`, and below it what the command prints; with the word `figures`, what is shown stays
                 where another machine or another run prints other numbers
    ```python examples/net.py
                 a file of this folder: the page shows it, and the blocks below can import it
    ```text      right after a spec or a snippet: what `archgraph check` says of the spec, or what the snippet prints

A block with the word `wrong` (```yaml wrong) is refused by archgraph, and every other one works. All blocks of a page
run in one folder, which is empty at first.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from archgraph.cli import main
from archgraph.language.library import BLOCKS, shipped_specs

HEAD = {"archgraph": "1", "name": "example", "inputs": "{x: [N, 16, H, W]}"}
OUTPUTS = "text"
DOCS = Path(__file__).parent

_FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w.-]+\.(?:yaml|json))$", re.MULTILINE)


class PageError(Exception):
    """A block of a page fails that should work, or works that should be refused."""


@dataclass(frozen=True)
class Fence:
    """A fenced block: the words after its back quotes, its text, and the text right after it that shows its output."""

    words: tuple[str, ...]
    text: str
    line: int
    span: tuple[int, int]

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    @property
    def wrong(self) -> bool:
        return "wrong" in self.words

    @property
    def file(self) -> str:
        """The file that a block shows, '' for one that has its text to itself."""
        return next((word for word in self.words[1:] if word.endswith(".py")), "")


@dataclass(frozen=True)
class Ran:
    """What a block printed, and whether archgraph refused it."""

    printed: str
    refused: bool = False


def fences(page: str) -> list[Fence]:
    """The fenced blocks of a page, in order."""
    return [
        Fence(
            tuple(found["info"].split()),
            found["text"],
            page.count("\n", 0, found.start()) + 1,
            (found.start("text"), found.end("text")),
        )
        for found in _FENCE.finditer(page)
    ]


def recorded(page: str, folder: Path | None = None) -> str:
    """The page with every output as it really comes out. Raises PageError where a block does not do what it should."""
    with tempfile.TemporaryDirectory() as temporary, contextlib.chdir(folder or temporary), _own_modules():
        texts = list(_replaced(fences(page)))
    for (start, end), text in reversed(texts):
        page = page[:start] + text + page[end:]
    return page


@contextlib.contextmanager
def _own_modules() -> Iterator[None]:
    """Inside, files of the folder are modules; afterwards they are forgotten."""
    path, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, "")
    try:
        yield
    finally:
        sys.path[:] = path
        here = str(Path.cwd())
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(here):
                del sys.modules[name]


def _replaced(blocks: list[Fence]) -> Iterator[tuple[tuple[int, int], str]]:
    """The spans of the page that show outputs, with what belongs there."""
    namespace: dict[str, Any] = {"__name__": "__page__"}
    for block, after in zip_longest(blocks, blocks[1:]):
        if block.language not in RUN:
            continue
        if block.file:
            shutil.copy(DOCS / block.file, ".")
            yield block.span, (DOCS / block.file).read_text(encoding="utf-8")
            continue
        ran = RUN[block.language](block, namespace)
        if ran.refused != block.wrong:
            does = "is refused" if ran.refused else "is not refused"
            raise PageError(f"line {block.line}: the {block.language} block {does}:\n{block.text}\n{ran.printed}")
        if block.language == "console":
            printed = block.text.partition("\n")[0] + "\n" + ran.printed
            kept = "figures" in block.words and _without_numbers(printed) == _without_numbers(block.text)
            yield block.span, block.text if kept else printed
        elif after is not None and after.language == OUTPUTS:
            yield after.span, ran.printed


def _without_numbers(text: str) -> str:
    return re.sub(r"[\d.,]*\d(e[-+]\d+)?", "0", text)


def _spec(block: Fence, namespace: dict[str, Any]) -> Ran:
    named = _FILE.match(block.text)
    file = named[1] if named else f"example.{block.language}"
    Path(file).write_text(whole(block.text) if block.language == "yaml" else block.text, encoding="utf-8")
    return _command(f"archgraph check {file}")


def whole(text: str) -> str:
    """The spec with what it does not show: appended, so that lines keep their numbers."""
    head = {key: value for key, value in HEAD.items() if key != "inputs" or not re.search("^extends:", text, re.M)}
    missing = (f"{key}: {value}\n" for key, value in head.items() if not re.search(f"^{key}:", text, re.MULTILINE))
    return text + "".join(missing)


def _snippet(block: Fence, namespace: dict[str, Any]) -> Ran:
    printed = io.StringIO()
    code = compile(block.text, f"<line {block.line}>", "exec")
    try:
        with contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(code, namespace)  # the project's own documentation
    except Exception as error:
        raise PageError(f"line {block.line}: the snippet fails with {type(error).__name__}: {error}") from error
    return Ran(_tidy(printed.getvalue()))


def _console(block: Fence, namespace: dict[str, Any]) -> Ran:
    return _command(block.text.partition("\n")[0].removeprefix("$ "))


def _command(line: str) -> Ran:
    """What a command prints, in this process; files of the package are named as they lie in a checkout."""
    words = shlex.split(line)
    if words[0] != "archgraph":
        raise PageError(f"not a command of archgraph: {line}")
    printed = io.StringIO()
    status: Any = 0
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            main(words[1:])
    except SystemExit as ended:
        status = ended.code
    return Ran(_tidy(printed.getvalue()), bool(status))


def _tidy(text: str) -> str:
    text = text.replace(f"{shipped_specs()}/", "specs/").replace(f"{BLOCKS}/", "archgraph/blocks/")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


RUN: dict[str, Callable[[Fence, dict[str, Any]], Ran]] = {
    "yaml": _spec,
    "json": _spec,
    "python": _snippet,
    "console": _console,
}
