"""What is said of a small spec that is wrong, for the tests of the schema."""

from __future__ import annotations

import pytest

from archgraph.errors import ArchgraphError, SchemaError
from archgraph.language.reading.document import read_text
from archgraph.language.schema.spec import Spec
from archgraph.language.schema.validation import validate

DDPM = """\
archgraph: 1
name: ddpm
about: Denoising diffusion.
params: {channels: [128, 256], attention: [false, true], layers: 2, mode: [linear, conv]}
presets:
  cifar10: {}
  wide: {channels: [256, 512], mode: conv}
inputs:
  sample: [N, 3, H, W]
  timestep: {shape: [N], dtype: int64}
  label: {shape: [..., N, =layers], when: =layers > 1, where: [N <= 64, H >= 8]}
stacks: [skips]
let: {first_width: "=channels[0]"}
use: [./shared_blocks.yaml]
order: [conv_in, down]
nodes:
  conv_in: {op: conv2d, in: sample, out_channels: "=channels[0]", bias: false, push: skips}
  down:
    for: {ch: =channels, attend: =attention}
    path: "down_blocks.{i}"
    let: {level: =i}
    order: [attentions, resnets]
    nodes:
      layer:
        repeat: =layers
        path: .
        nodes:
          0: {op: resnet, in: {temb: time}, when: =attend, out_channels: =ch}
          act: silu
        outputs: {a: 0, b: act}
  again: {share: conv_in, in: [prev, skips.pop]}
  side: {op: conv2d, repeat: 2, map: true, tie: {weight: conv_in.weight}}
outputs: {noise: side.1, raw: again}
blocks:
  residual:
    params: {fn: node, dim: int}
    inputs: {x: [N, C]}
    assert: [dim == C, {that: "=dim > 0", message: the width must be positive}]
    nodes: {fn: =fn}
    outputs: [fn]
assert: {parameters: {cifar10: 35_746_307}, that: len(channels) > 1}
meta: {license: MIT, in: 0.10}
""".replace("35_746_307", "35746307")


def spec(text: str) -> Spec:
    return validate(read_text(text, "m.yaml"))


def message(text: str, kind: type[ArchgraphError] = SchemaError) -> str:
    with pytest.raises(kind) as caught:
        spec(text)
    assert type(caught.value) is kind
    return str(caught.value)


def model(body: str) -> str:
    """A spec around some lines; they start on line 2."""
    return f"{{archgraph: 1, name: m,\n{body}}}"


def line(text: str, number: int = 2) -> str:
    return text.splitlines()[number - 1]


def under(body: str, start: str, path: str, said: str, *more: str, after: str = "") -> str:
    """The message about what starts with `start` in a body (behind `after`), on line 2 of a model."""
    shown = line(model(body))
    column = shown.index(start, shown.index(after)) + 1
    pad = " " * (8 + column - 1)
    return "\n".join(
        [f"m.yaml:2:{column}: error: {path}: {said}", f"    2 | {shown}", f"{pad}{'^' * len(start)}", *more]
    )


EXPECTED = "  expected: {}".format


RECEIVED = "  received: {}".format


HINT = "  hint: {}".format


IDENTIFIER = EXPECTED("letters, digits and _, starting with a letter, at most 100 characters")


ATTRIBUTE = "an attribute of every torch module"


def case(body: str, *rest: str, after: str = "") -> tuple[str, str]:
    return body, under(body, *rest, after=after)
