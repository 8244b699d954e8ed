"""The plugin of these tests as its users have it: built, installed by pip next to archgraph, and used by every verb."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from plugin_packages import GATES, NET

ROOT = Path(__file__).parents[2]
MODULE = """
from torch import nn
from archgraph_gates.modules import GatedLinear

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = GatedLinear(4, 3)

    def forward(self, x):
        return self.gate(x)
"""
CLASSIFIER = """archgraph: 1
name: small
inputs: {image: [N, 1, 8, 8]}
nodes:
  flat: {op: flatten, start_dim: 1}
  gate: {op: gates.gated_linear, out_features: 10}
meta: {task: classification, train: {steps: 2, batch: 8, held_out: 0.1}}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with both packages built from their sources. It sees the dependencies of this one, and neither
    this checkout nor the plugin's."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    for source in (ROOT, GATES):
        command = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(source)]
        subprocess.run(command, check=True, env=clean(), cwd=folder)
    (folder / "net.yaml").write_text(NET)
    (folder / "small.yaml").write_text(CLASSIFIER)
    (folder / "net.py").write_text(MODULE)
    np.savez(folder / "x.npz", x=np.zeros((2, 8), np.float32))
    return folder


def clean() -> dict[str, str]:
    """The variables of this process without those that lead to this checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONSAFEPATH")}


def archgraph(environment: Path, text: str) -> subprocess.CompletedProcess[str]:
    """A command of the installed script."""
    command = [str(environment / "venv" / "bin" / "archgraph"), *text.split()]
    return subprocess.run(command, cwd=environment, env=clean(), capture_output=True, text=True, check=False)


VERBS = """
check net.yaml
show net.yaml
summary net.yaml
render net.yaml -o net.dot
build net.yaml -o net.safetensors
code net.yaml -o gated.py
export net.yaml --weights net.safetensors -o net.onnx
export net.yaml --profile cpu --weights net.safetensors -o net.cpu.onnx
verify net.onnx
infer net.onnx x.npz -o y.npz
infer net.yaml x.npz -o y.npz
profile net.onnx --size N=4
profile net.yaml --size N=4
bench net.yaml --batch 1 --rounds 1 --repeats 2 --contenders torch,onnx_cpu
diff net.yaml net.onnx
weights convert net.safetensors --for net.yaml -o copy.safetensors
import net:Net --leaf GatedLinear=gates.gated_linear --input x=N,4 -o imported.yaml
check imported.yaml
train small.yaml --data digits --loss gates.focal -o run
export run -o run.onnx
schema -o schema.json
ops gates.hashed
blocks gates.gated_mlp
plugins
plugins gates
"""


@pytest.mark.slow
def test_every_verb_works_with_an_installed_plugin(environment: Path) -> None:
    for line in VERBS.strip().splitlines():
        ran = archgraph(environment, f"{line} --plugin gates")
        assert ran.returncode == 0, f"{line}\n{ran.stdout}\n{ran.stderr}"
        if line.startswith("bench"):
            assert re.search(r"^torch +1 +[0-9.]+ ms", ran.stdout, re.MULTILINE), "its process has the plugin too"
    assert "gates.quick_gelu" in json.loads((environment / "schema.json").read_text())["$defs"]
    assert "op: gates.gated_linear" in (environment / "imported.yaml").read_text()
    module = [str(environment / "venv" / "bin" / "python"), "-c", "import gated; print(gated.Gated().gate)"]
    ran = subprocess.run(module, cwd=environment, env=clean(), capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("GatedLinear(")


@pytest.mark.slow
def test_one_that_is_removed_between_export_and_verify(environment: Path) -> None:
    """Runs last: the file runs still, and verify says what to install."""
    assert archgraph(environment, "export net.yaml -o kept.onnx --plugin gates").returncode == 0
    python = environment / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "uninstall", "-q", "-y", "archgraph-gates"], check=True, env=clean())
    assert archgraph(environment, "infer kept.onnx x.npz -o y.npz").returncode == 0
    ran = archgraph(environment, "verify kept.onnx")
    assert ran.returncode == 1
    assert "hint: pip install archgraph-gates==1.2.0, then --plugin gates enables it" in ran.stderr
    ran = archgraph(environment, "verify kept.onnx --plugin gates")
    assert ran.returncode == 1
    assert "no plugin 'gates' is installed" in ran.stderr
