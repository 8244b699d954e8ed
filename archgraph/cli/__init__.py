"""The command line: one thin file per command. Their work is in the verbs; here are arguments and output.

Every command imports what it needs when it runs, so that `check` never waits for torch.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


class Interrupted(BaseException):
    """Ctrl-C ended a command that has something to say of it. No KeyboardInterrupt, which typer ends without a word."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 the input is wrong, 2 the command was used wrongly, 130 interrupted, 141
    nobody reads what it prints."""
    from archgraph.cli.streams import guarded_streams

    if arguments is None:  # the process is ours: pydantic would look for plugins of its own among all packages
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    with guarded_streams():
        try:
            _ended(list(sys.argv[1:] if arguments is None else arguments))
        finally:
            if arguments is None:
                gc.freeze()  # the interpreter looks through all objects as it ends: a fifth of the time of a `check`


def _ended(given: Sequence[str]) -> None:
    """Runs one command; every way in which it may end is a SystemExit, but for faults of ours."""
    from archgraph.errors import ArchgraphError

    with _noted_interrupts() as noted:
        try:
            _run(given)
        except ArchgraphError as error:
            print(error, file=sys.stderr)
            sys.exit(1)
        except Interrupted as interrupted:
            _end(str(interrupted))
        except KeyboardInterrupt:
            _end()
        except SystemExit as ended:
            if ended.code == INTERRUPTED or (noted and ended.code):  # typer's, in each version in another way
                _end()
            raise
        except OSError as error:  # a name that is too long, a folder that may not be looked into …
            if noted:
                _end()
            if error.filename is None:
                raise
            print(ArchgraphError(f"{error.filename} cannot be used", received=error.strerror or ""), file=sys.stderr)
            sys.exit(1)
        except Exception as error:
            if noted:  # an import that was cut off leaves a half of itself behind, and fails in any way
                _end()
            _end_if_blamed(error)
            raise


def _end_if_blamed(error: Exception) -> None:
    """Exits where code of a plugin failed, with an error that names it; any other fault is ours."""
    from archgraph.plugins.faults import blamed

    found = blamed(error)
    if found is not None:
        print(found, file=sys.stderr)
        sys.exit(1)


def _run(given: Sequence[str]) -> None:
    from archgraph.cli.output import survive_narrow_encodings
    from archgraph.garbage_collection import uncollected

    survive_narrow_encodings()
    with uncollected():  # until the command begins, of which typer imports the most; `takes_plugins` is where it does
        if given[:1] == ["check"] and given[1:] and not any(each.startswith("-") for each in given):
            _check(given[1:])
            return
        from archgraph.cli.app import command_for

        command_for(given)(args=given, prog_name="archgraph")


def _check(specs: Sequence[str]) -> None:
    """`archgraph check` of mere names, as editors and commit hooks run it. Reading its options would be a tenth of the
    time: typer is not imported."""
    from archgraph.cli.enabled_plugins import enable
    from archgraph.cli.spec_checks import check_specs
    from archgraph.garbage_collection import collected

    with collected():
        enable()
        check_specs(specs)
    sys.exit(0)


def _end(message: str = "interrupted") -> NoReturn:
    from archgraph.errors import visible

    print(visible(message), file=sys.stderr)
    sys.exit(INTERRUPTED)


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Notes each Ctrl-C while it is entered, besides its usual effect."""
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        if signal.getsignal(signal.SIGINT) is note:
            signal.signal(signal.SIGINT, signal.default_int_handler)
