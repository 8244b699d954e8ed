"""What a person does with a module: copies, pickles, compiles, exports, trains, inspects it, and reads its errors."""

from __future__ import annotations

import copy
import inspect
import io
import linecache
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from codegen_cases import H, N, Net, W, op, outputs, shaken
from torch import nn

import archgraph as ag
from archgraph.codegen import graph_of, source, to_torch
from archgraph.codegen.meta_construction import MAKERS, on_meta
from archgraph.errors import CompileError, Mark
from archgraph.graph.builder import CallSpec
from archgraph.graph.types import Graph, Origin


def classifier(dropout: float = 0.0) -> Graph:
    """A stem and two residual units, the second of them narrower: batch norm, a shortcut, a chain, a flattened end."""
    net = Net("classifier")
    x = net.input(N, 3, H, W, name="image")
    x = net("stem", "conv2d", x, out_channels=8, kernel_size=3, padding=1)
    stage = net.inner("layer")
    flow = first = stage.input(*x.shape)
    for i, stride in enumerate((1, 2)):
        flow = stage.call(str(i), unit(net, flow, 8 * stride, stride), flow, kind="block", block="unit")
    assert first is not flow
    x = net.call("layer", stage.finish(flow), x, kind="repeat")
    x = net("drop", "dropout", x, p=dropout) if dropout else x
    x = net("pool", "adaptive_avg_pool2d", x, output_size=1)
    return net.finish(net("fc", "linear", net("flat", "flatten", x), out_features=5))


def unit(net: Net, like: object, width: int, stride: int) -> Graph:
    inner = net.inner("unit")
    v = inner.input(*like.shape)  # type: ignore[attr-defined]
    h = inner("conv1", "conv2d", v, out_channels=width, kernel_size=3, stride=stride, padding=1, bias=False)
    h = inner("act", "relu", inner("bn1", "batch_norm2d", h))
    shortcut = v
    if stride > 1:
        shortcut = inner("project", "conv2d", v, out_channels=width, kernel_size=1, stride=stride)
    return inner.finish(inner("out", "relu", inner("add", "add", h, shortcut)))


IMAGE = torch.randn(2, 3, 12, 10, generator=torch.Generator().manual_seed(0))


def test_weights_come_from_the_seed_and_torchs_generator_stays_as_it_was() -> None:
    graph = classifier()
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, again, other = to_torch(graph, seed=3), to_torch(graph, seed=3), to_torch(graph, seed=4)
    assert torch.get_rng_state().equal(before)
    assert all(a.equal(b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not first.stem.weight.equal(other.stem.weight)


def test_small_weights_start_with_the_numbers_of_the_written_file() -> None:
    graph = classifier()
    torch.manual_seed(3)
    alone = type(to_torch(graph))()
    assert all(a.equal(b) for a, b in zip(to_torch(graph, seed=3).parameters(), alone.parameters(), strict=True))


def test_the_meta_device_holds_no_numbers() -> None:
    module = to_torch(classifier(), device="meta")
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"meta"}
    assert module(torch.empty(2, 3, 12, 10, device="meta")).shape == (2, 5)


@pytest.mark.parametrize("name", ["densenet", "ddpm", "swin", "lstm_tagger", "wav2vec2", "t5_encoder", "gpt2"])
def test_networks_without_memory_are_those_that_torch_constructs_there(name: str) -> None:
    """Equal layers are copied on the meta device: each copy is the layer that its constructor makes."""
    module = to_torch(ag.load(name), device="meta")
    with torch.device("meta"):
        wanted = type(module)().to("meta")
    assert str(module) == str(wanted)
    ours, theirs = dict(module.named_modules()), dict(wanted.named_modules())
    assert [(path, str(type(part))) for path, part in ours.items()] == [(p, str(type(q))) for p, q in theirs.items()]
    for path, part in ours.items():
        assert plain_attributes(part) == plain_attributes(theirs[path])
    mine, own = (dict(network.named_parameters(remove_duplicate=False)) for network in (module, wanted))
    assert {key: kind(weight) for key, weight in mine.items()} == {key: kind(weight) for key, weight in own.items()}
    mine, own = (dict(network.named_buffers(remove_duplicate=False)) for network in (module, wanted))
    assert {key: kind(buffer) for key, buffer in mine.items()} == {key: kind(buffer) for key, buffer in own.items()}
    assert len(list(module.parameters())) == len(list(wanted.parameters()))
    assert list(module.state_dict()) == list(wanted.state_dict())


def plain_attributes(module: nn.Module) -> dict[str, object]:
    held = {key: value for key, value in vars(module).items() if not key.startswith("_") or key == "_backward_hooks"}
    return {key: value for key, value in held.items() if not isinstance(value, torch.Tensor)}


def kind(tensor: torch.Tensor) -> tuple[object, ...]:
    return type(tensor), tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad


def test_copied_layers_share_nothing() -> None:
    module = to_torch(ag.load("densenet"), device="meta")
    layers = [part for part in module.modules() if isinstance(part, nn.Conv2d)]
    equal = [part for part in layers if str(part) == str(layers[-1])]
    assert len(equal) > 2
    equal[0].register_forward_hook(lambda *_: None)
    equal[0].extra = 1  # type: ignore[assignment]
    for other in equal[1:]:
        assert not other._forward_hooks
        assert not hasattr(other, "extra")
        assert other.weight is not equal[0].weight
        assert other.weight.untyped_storage()._cdata != equal[0].weight.untyped_storage()._cdata


def scaled() -> Graph:
    """A linear layer whose result is multiplied by a constant, in a module of its own."""
    scale = {
        "factors": {"op": "constant", "value": [2.0, 3.0]},
        "product": {"op": "mul", "in": ["fc", "factors"]},
    }
    nodes = {"fc": {"op": "linear", "out_features": 2}, "scale": {"nodes": scale}}
    return ag.load({"archgraph": 1, "name": "scaled", "inputs": {"x": ["N", 3]}, "nodes": nodes})


@pytest.mark.parametrize("way", ["to_empty", "assign", "copied", "pickled", "twice"])
def test_constants_have_their_numbers_again_when_a_module_leaves_the_meta_device(way: str) -> None:
    graph = scaled()
    wanted, module = to_torch(graph, seed=1), to_torch(graph, device="meta")
    assert all(buffer.is_meta for buffer in module.buffers())
    if way == "copied":
        module = copy.deepcopy(module)
    if way == "pickled":
        module = pickle.loads(pickle.dumps(module))
    if way == "twice":
        module = module.to_empty(device="cpu").to("meta")
    if way != "assign":
        module.to_empty(device="cpu")
    module.load_state_dict(wanted.state_dict(), assign=way == "assign")
    x = torch.randn(4, 3)
    torch.testing.assert_close(module(x), wanted(x))
    assert list(module.state_dict()) == ["fc.weight", "fc.bias"]


def test_a_constant_takes_the_type_that_a_module_was_given_on_the_meta_device() -> None:
    module = to_torch(scaled(), device="meta", dtype="bfloat16").to_empty(device="cpu")
    (factors,) = module.buffers()
    assert factors.dtype == torch.bfloat16
    assert factors.tolist() == [2.0, 3.0]


def test_all_functions_that_make_tensors_make_them_on_the_meta_device() -> None:
    from torch.utils._device import _device_constructors  # what torch.device("meta") places

    assert set(_device_constructors()) == MAKERS
    with on_meta():
        made = [torch.empty(2), torch.tensor([1.0]), torch.arange(3), nn.init.normal_(torch.zeros(2, 2))]
        elsewhere = torch.zeros(2, device="cpu").fill_(3.0)
    assert all(tensor.is_meta for tensor in made)
    assert elsewhere.tolist() == [3.0, 3.0]


def test_a_deep_copy_is_a_module_of_its_own() -> None:
    module = shaken(to_torch(classifier()))
    wanted = outputs(module, IMAGE)[0]
    twin = copy.deepcopy(module)
    assert type(twin) is type(module)
    with torch.no_grad():
        module.fc.weight.zero_()
    assert outputs(twin, IMAGE)[0].equal(wanted)
    assert graph_of(twin) is graph_of(module)


def test_a_pickle_is_read_by_another_process(tmp_path: Path) -> None:
    module = shaken(to_torch(classifier())).eval()
    wanted = module(IMAGE)
    for name, whole in (("net", module), ("part", module.layer[1])):
        (tmp_path / name).write_bytes(pickle.dumps(whole))
    torch.save((IMAGE, wanted, module.stem(IMAGE)), tmp_path / "tensors")
    program = f"""
import pickle, torch, pathlib
folder = pathlib.Path({str(tmp_path)!r})
net = pickle.loads((folder / "net").read_bytes())
x, wanted, stem = torch.load(folder / "tensors")
assert torch.allclose(net(x), wanted, atol=1e-6)
assert type(net).__name__ == "Classifier" and len(net.layer) == 2
part = pickle.loads((folder / "part").read_bytes()).eval()
assert part(net.layer[0](stem)).equal(net.layer(stem))
import archgraph as ag
from archgraph.codegen import graph_of
assert graph_of(net).name == "classifier"
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_torch_saves_and_loads_it() -> None:
    module = shaken(to_torch(classifier()))
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    assert outputs(loaded, IMAGE)[0].equal(outputs(module, IMAGE)[0])


def test_a_subclass_and_a_parametrized_module_keep_their_own_class() -> None:
    module = to_torch(classifier())
    twin = copy.deepcopy(module)
    torch.nn.utils.parametrize.register_parametrization(twin.fc, "weight", nn.Identity())
    assert outputs(copy.deepcopy(twin), IMAGE)[0].equal(outputs(module, IMAGE)[0])


def test_the_source_is_where_python_looks_for_it() -> None:
    module = to_torch(classifier())
    text = source(classifier())
    assert inspect.getsource(type(module)) in text
    assert inspect.getsource(type(module.layer[0])).startswith("class Unit(nn.Module):")
    assert "def forward(self, image: Tensor)" in inspect.getsource(module.forward)
    name = inspect.getsourcefile(type(module))
    assert name is not None
    assert name.startswith("<archgraph classifier ")
    linecache.checkcache()
    assert "".join(linecache.getlines(name)) == text


def test_equal_graphs_are_executed_once() -> None:
    assert type(to_torch(classifier())) is type(to_torch(classifier()))
    assert type(to_torch(classifier())) is not type(to_torch(classifier(dropout=0.5)))


class Unit(nn.Module):
    """The residual unit as one writes it by hand."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        if stride > 1:
            self.project = nn.Conv2d(channels, width, 1, stride)


class Classifier(nn.Module):
    """The network as one writes it by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layer = nn.Sequential(Unit(8, 8, 1), Unit(8, 16, 2))
        self.fc = nn.Linear(16, 5)


def test_printing_reads_like_a_model_written_by_hand() -> None:
    assert repr(to_torch(classifier())) == repr(Classifier())


def test_compiled_without_a_break_in_the_graph() -> None:
    module = shaken(to_torch(classifier())).eval()
    torch.compiler.reset()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    assert compiled(IMAGE).equal(module(IMAGE))
    twin = copy.deepcopy(compiled)
    assert twin(IMAGE).equal(module(IMAGE))


def test_exported_with_dynamic_sizes() -> None:
    module = shaken(to_torch(classifier())).eval()
    sizes = {
        "image": {
            0: torch.export.Dim("batch"),
            2: torch.export.Dim("height", min=4),
            3: torch.export.Dim("width", min=4),
        }
    }
    program = torch.export.export(module, (IMAGE,), dynamic_shapes=sizes)
    other = torch.randn(3, 3, 9, 7)
    torch.testing.assert_close(program.module()(other), module(other))


def test_traced_by_fx_and_by_jit() -> None:
    module = shaken(to_torch(classifier())).eval()
    assert torch.fx.symbolic_trace(module)(IMAGE).equal(module(IMAGE))


def test_a_training_step_lowers_the_loss_and_reaches_every_parameter() -> None:
    module = to_torch(classifier())
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1)
    target = torch.tensor([0, 1])
    losses = []
    for _ in range(4):
        loss = nn.functional.cross_entropy(module(IMAGE), target)
        optimiser.zero_grad()
        loss.backward()
        assert all(parameter.grad is not None for parameter in module.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert module.layer[0].bn1.num_batches_tracked == 4


def test_dropout_acts_in_training_only() -> None:
    module = to_torch(classifier(dropout=0.5))
    assert not module.train()(IMAGE).equal(module(IMAGE))
    assert module.eval()(IMAGE).equal(module(IMAGE))


def test_hooks_see_every_module() -> None:
    module = to_torch(classifier())
    seen = []
    for name, child in module.named_modules():
        child.register_forward_hook(lambda *_, name=name: seen.append(name))
    module(IMAGE)
    assert sorted(seen) == sorted(name for name, _ in module.named_modules())


def test_in_half_precision_and_in_double() -> None:
    module = shaken(to_torch(classifier())).eval()
    assert module.double()(IMAGE.double()).dtype == torch.float64
    assert module.bfloat16()(IMAGE.bfloat16()).dtype == torch.bfloat16


def test_the_time_embedding_takes_the_type_of_the_sample() -> None:
    net = Net("timed")
    sample, time = net.input(N, 8, name="sample"), net.input(N, name="timestep", dtype="int64")
    embedded = net("wave", "sinusoidal_embedding", time, dim=8)
    graph = net.finish(net("fc", "linear", net("add", "add", sample, embedded), out_features=2))
    module = to_torch(graph).double()
    assert module(torch.randn(2, 8).double(), torch.tensor([3, 999])).dtype == torch.float64
    inner = Net("alone")
    time = inner.input(N, name="timestep", dtype="int64")
    alone = to_torch(
        inner.finish(inner("fc", "linear", inner("wave", "sinusoidal_embedding", time, dim=8), out_features=2))
    )
    assert alone.half()(torch.tensor([3, 999])).dtype == torch.float16


def test_any_other_module_has_no_graph() -> None:
    with pytest.raises(CompileError, match="this module was not made by to_torch"):
        graph_of(nn.Linear(2, 2))
    with pytest.raises(CompileError):
        graph_of(to_torch(classifier()).layer[0])


def marked() -> Graph:
    """Two units in a repetition, each node with its line in a file."""
    net = Net("marked")
    x = net.input(N, 4)
    stage = net.inner("stage")
    flow = stage.input(N, 4)
    for i in range(2):
        inner = net.inner("unit")
        v = inner.input(N, 4)
        h = inner.build.apply("fc", op("linear", out_features=4), v, origin=at(f"stage.{i}.fc", 6))
        act = inner.build.apply("act", op("relu"), h.output, origin=at(f"stage.{i}.act", 7))
        join = inner.build.apply("join", op("add"), [act.output, v], origin=at(f"stage.{i}.join", 8))
        how = CallSpec("block", block="unit", origin=at(f"stage.{i}", 2))
        flow = stage.build.call(str(i), inner.finish(join.output), [flow], as_=how).output
    return net.finish(net.call("stage", stage.finish(flow), x, kind="repeat"))


def at(address: str, line: int) -> Origin:
    return Origin(address, Mark("/somewhere/unit.yaml", line, 3))


class Broken(nn.Module):
    """Fails, as a module does that was put in the place of another."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise ValueError("broken")


class Widening(nn.Module):
    """Gives a shape that what follows cannot take."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, x], dim=1)


def test_an_error_names_the_node_and_its_line() -> None:
    module = to_torch(marked())
    module.stage[1].fc = Broken()
    with pytest.raises(ValueError, match="broken") as caught:
        module(torch.randn(2, 4))
    assert caught.value.__notes__ == ["at stage.1.fc (unit.yaml:6)"]


def test_an_error_in_a_function_names_its_node() -> None:
    module = to_torch(marked())
    module.stage[1].fc = Widening()
    with pytest.raises(RuntimeError) as caught:
        module(torch.randn(2, 4))
    assert caught.value.__notes__ == ["at stage.1.join (unit.yaml:8)"]


def test_a_wrong_input_names_the_first_node_that_cannot_take_it() -> None:
    with pytest.raises(RuntimeError) as caught:
        to_torch(marked())(torch.randn(2, 5))
    assert caught.value.__notes__ == ["at stage.0.fc (unit.yaml:6)"]
