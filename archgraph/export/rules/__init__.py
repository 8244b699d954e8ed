"""The ONNX form of every operation, one file per family. Importing this room registers all of them."""

from __future__ import annotations

from archgraph.ops.families import import_families

import_families(__name__, __path__)
