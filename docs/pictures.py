"""Draws the pictures of networks that the repository shows: `docs/ddpm.png`, `docs/imported_unet.png`, and the gallery
in `exports/gallery`.

    python docs/pictures.py

Needs Graphviz's wheel and DejaVu Sans, so that the pictures are the same on every machine.
"""

from __future__ import annotations

from pathlib import Path

import archgraph as ag

ROOT = Path(__file__).parent.parent
GALLERY = (
    "attention_unet",
    "convnext_tiny",
    "ddpm@cifar10",
    "densenet121",
    "digits_ddpm",
    "digits_resnet",
    "mobilenet_v2",
    "resnet50",
    "resnet_d2l",
    "sd_unet@sd15",
    "vit_b_16",
)


def main() -> None:
    for name in GALLERY:
        print(ag.render(ag.load(name), ROOT / "exports" / "gallery" / f"{name.replace('@', '_')}.svg"))
    print(ag.render(ag.load("ddpm@cifar10"), ROOT / "docs" / "ddpm.png"))
    imported = ag.from_torch("examples.unet:UNet", {"x": "N,1,H,W", "t": "N:int64"}, name="unet")
    print(ag.render(imported, ROOT / "docs" / "imported_unet.png", depth=1))


if __name__ == "__main__":
    main()
