"""Specs with presets and with nodes handed in, for the tests of blocks."""

from __future__ import annotations

PRESETS = """
params: {width: 4, depth: 1, mode: [a, b]}
presets: {small: {}, large: {width: 16, depth: 3}}
nodes: {c: {op: conv2d, out_channels: =width, kernel_size: 1, repeat: =depth}}
"""


WRAPPED = """
blocks:
  wrap: {params: {fn: node}, inputs: {y: [...]}, nodes: {fn: =fn, add: {op: add, in: [fn, y]}}}
  norm: {params: {fn: node}, inputs: {y: [N, C, H, W]}, nodes: {norm: {op: group_norm, num_groups: 1}, fn: =fn}}
  mix:
    params: {heads: 2}
    inputs: {y: [N, C, H, W]}
    nodes:
      proj: {op: conv2d, out_channels: =heads, kernel_size: 1, bias: false}
      back: {op: conv2d, out_channels: =C, kernel_size: 1, bias: false}
"""
