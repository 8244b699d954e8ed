"""Is the exported file the network that was written? The one room that meets torch and ONNX Runtime both.

torch loads when something is compared, not when this room is imported.
"""

from __future__ import annotations

from archgraph.verify.certificate import Certificate
from archgraph.verify.reverification import verify_again
from archgraph.verify.verified_export import Export, export_verified, verify

__all__ = ["Certificate", "Export", "export_verified", "verify", "verify_again"]
