"""The command line: one thin file per command. What they do is in the verbs; here is how it is asked and shown.

Every command imports what it needs when it runs, so that `check` never waits for torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one command and exits: 0 done, 1 the input is wrong, 2 the command was used wrongly."""
    from archgraph.cli.app import command_for
    from archgraph.cli.output import survive_narrow_encodings
    from archgraph.errors import ArchgraphError

    given = list(sys.argv[1:] if arguments is None else arguments)
    survive_narrow_encodings()
    try:
        command_for(given)(args=given, prog_name="archgraph")
    except ArchgraphError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
