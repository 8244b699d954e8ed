"""Draws the pictures of networks that the repository shows: the gallery in `exports/gallery`, `docs/ddpm.png` and
`docs/imported_unet.png`.

    python docs/pictures.py              the pictures of the gallery that are stale, and the two of docs
    python docs/pictures.py resnet vit   these of the gallery, stale or not

Needs Graphviz's wheel and DejaVu Sans, so that the pictures are the same on every machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gallery

import archgraph as ag

DOCS = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Draws the pictures of networks that the repository shows.")
    parser.add_argument("specs", nargs="*", help="specs whose picture of the gallery is drawn anew")
    asked = parser.parse_args().specs
    for line in gallery.NETWORKS.draw(asked or gallery.NETWORKS.stale()):
        print(line)
    if asked:
        return
    print(ag.render(ag.load("ddpm@cifar10"), DOCS / "ddpm.png"))
    imported = ag.from_torch("examples.unet:UNet", {"x": "N,1,H,W", "t": "N:int64"}, name="unet")
    print(ag.render(imported, DOCS / "imported_unet.png", depth=1))


if __name__ == "__main__":
    main()
