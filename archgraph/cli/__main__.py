"""`python -m archgraph.cli` is `archgraph`."""

from __future__ import annotations

from archgraph.cli import main

if __name__ == "__main__":
    main()
