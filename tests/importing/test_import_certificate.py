"""The certificate next to an imported spec: what it states, when it still holds, and how the files take their names."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from importlib.metadata import version

import pytest
import torch
from torch import nn

import archgraph.importing.publication as publication
from archgraph.cli import main
from archgraph.errors import VerificationError
from archgraph.graph.spec_text import spec_text
from archgraph.importing.api import import_module
from archgraph.importing.certificate import recheck
from archgraph.importing.sources.input_descriptions import InputDescription


@pytest.fixture(scope="module")
def found():
    made = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    return import_module(made, {"input": InputDescription(("N", 4))}, name="net")


@pytest.fixture
def path(found, tmp_path):
    """A spec, its certificate and its weights."""
    path = tmp_path / "net.yaml"
    publication.publish(found, path, spec_text(found.spec), tmp_path / "net.safetensors")
    return path


def stated(path):
    return json.loads(path.with_name("net.yaml.certificate.json").read_text(encoding="utf-8"))


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_it_states_what_was_proved_of_which_files(found, path):
    facts = stated(path)
    assert facts["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    weights = path.with_name("net.safetensors")
    assert facts["weights"] == {
        "file": "net.safetensors",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    keys = "\n".join(found.module.state_dict()).encode()
    assert (facts["keys"], facts["keys_sha256"]) == (4, hashlib.sha256(keys).hexdigest())
    assert facts["versions"]["torch"] == version("torch")
    assert facts["origin"]["class"] == "torch.nn.modules.container.Sequential"
    assert facts["free"] == ["N"]
    assert facts["proof"]["sizes"] == [{"N": 1}, {"N": 3}]
    assert max(facts["proof"]["differences"]) < 1e-10
    assert facts["proof"]["training"] is not None


def test_it_holds_until_the_network_is_another_one(path):
    assert not recheck(path).rewritten
    text = path.read_text(encoding="utf-8")
    path.write_text(f"# ours\n{text}", encoding="utf-8")
    assert recheck(path).rewritten
    path.write_text(text.replace("out_features: 6", "out_features: 7"), encoding="utf-8")
    with pytest.raises(VerificationError, match="has changed since it was proved"):
        recheck(path)


def test_keys_that_another_version_makes_of_the_same_text_are_named(path):
    certificate = path.with_name("net.yaml.certificate.json")
    certificate.write_text(json.dumps({**stated(path), "keys_sha256": "0"}), encoding="utf-8")
    with pytest.raises(VerificationError, match="other keys than when it was proved"):
        recheck(path)


def test_weights_are_those_that_came_with_it(path):
    weights = path.with_name("net.safetensors")
    assert recheck(path, weights).weights
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(VerificationError, match="is not the file of weights"):
        recheck(path, weights)
    with pytest.raises(VerificationError, match="no such file"):
        recheck(path, path.with_name("other.safetensors"))


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "import"}', '{"certificate": 1, "sha256": ""}'])
def test_a_damaged_certificate_is_named(path, text):
    path.with_name("net.yaml.certificate.json").write_text(text, encoding="utf-8")
    with pytest.raises(VerificationError, match="no certificate of an import"):
        recheck(path)


def test_without_a_proof_there_is_no_certificate(found, path):
    publication.publish(replace(found, parity=None), path, spec_text(found.spec))
    assert names(path.parent) == ["net.safetensors", "net.yaml"]
    with pytest.raises(VerificationError, match="nothing was proved of"):
        recheck(path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_was_there_comes_back_where_files_cannot_take_their_names(found, path, error, monkeypatch):
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    def ended(stage):
        raise error

    monkeypatch.setattr("archgraph.artifact.staging.Stage.publish", ended)
    with torch.no_grad():
        changed = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    weights = path.with_name("net.safetensors")
    with pytest.raises(BaseException):  # noqa: B017, PT011 - KeyboardInterrupt is none of Exception
        publication.publish(replace(found, module=changed), path, "archgraph: 1\n", weights)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


def test_the_command_needs_no_torch(path):
    script = (
        "import sys; from archgraph.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as ended: assert not ended.code\n"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", script, "verify", str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "is the spec that was proved equal" in ran.stdout


def test_options_without_effect_are_refused(path, capsys):
    with pytest.raises(SystemExit):
        main(["verify", str(path), "--calibrate", "data.npz"])
    assert "--calibrate has no effect on an imported spec" in capsys.readouterr().err
