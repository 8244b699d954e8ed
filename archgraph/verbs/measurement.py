"""How fast a network is, and where the time of its file goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archgraph.verbs.networks import Network, as_graph, is_exported

if TYPE_CHECKING:
    from archgraph.measure import Report, TimeProfile


def bench(
    network: Network,
    batches: Sequence[int] = (1,),
    sizes: Mapping[str, int] | None = None,
    contenders: Sequence[str] | None = None,
    **how: Any,
) -> Report:
    """Latency, throughput, memory and shares of the machine's peaks, of torch and ONNX Runtime in turns.

    `network` may be an exported file (`net.onnx`). `how` takes `effort` (an `archgraph.measure.Effort`: rounds, and
    seconds or calls in each), `device`, `threads`, `weights`, `seed` and `progress`. Raises InputError, ProviderError;
    a contender that cannot run is a row with its reason.
    """
    from archgraph.measure import bench as bench_network

    subject = Path(network) if is_exported(network) else as_graph(network)
    return bench_network(subject, batches, sizes, contenders, **how)


def profile(path: str | Path, sizes: Mapping[str, int] | None = None, runs: int = 20, **how: Any) -> TimeProfile:
    """Where the time of an exported file goes in ONNX Runtime on the CPU, under the spec's own paths.

    `how` takes `threads` and `seed`. Raises ModelFileError, InputError.
    """
    from archgraph.measure import profile as profile_file
    from archgraph.runtime.file_errors import check_file

    check_file(Path(path))
    return profile_file(path, sizes, runs, **how)
