"""How fast is a network, compared with its peers, and where does its time go?

    contenders   who can be measured: torch in several forms, ONNX Runtime on files of several kinds
    child        a process of its own for each: loads, warms up, answers questions through a pipe
    subjects     what a child calls: a module or a session, from arrays to arrays
    peak         what the machine can do: a matrix product, a copy
    memory       what a process holds
    race         the children taking turns
    bench        the verb; `report`: the table
    kernels      the runtime's kernels under the paths of the graph
    profile      the verb: time by node, rolled up by block

torch, onnx and ONNX Runtime load in the children, or when they are needed.
"""

from __future__ import annotations

from archgraph.measure.bench import MeasurementEffort, bench
from archgraph.measure.contenders import CONTENDERS, Contender
from archgraph.measure.profile import TimeProfile, profile
from archgraph.measure.report import BenchRow, Report

__all__ = ["CONTENDERS", "BenchRow", "Contender", "MeasurementEffort", "Report", "TimeProfile", "bench", "profile"]
