"""Weights from a hub: found, in shards, kept for when there is no connection; every refusal in plain words."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hub_server import hub
from safetensors.numpy import save

SMALL = save({"a": np.arange(4, dtype=np.float32)})
SHARDS = {"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}}
REPOSITORIES: Mapping[str, Mapping[str, bytes]] = {
    "me/one": {"config.json": b"{}", "model.safetensors": SMALL},
    "me/two": {"x.safetensors": SMALL, "y.safetensors": SMALL},
    "me/pickled": {"pytorch_model.bin": b"x"},
    "me/shards": {
        "sub/model.safetensors.index.json": json.dumps(SHARDS).encode(),
        "sub/m-1.safetensors": SMALL,
        "sub/m-2.safetensors": save({"b": np.zeros(3, np.float32)}),
    },
    "me/half": {"cut.safetensors": save({"a": np.zeros(9000, np.float32)})},
}
DRIVER = """
import json, sys, time
waits = []
time.sleep = waits.append  # the library waits before it asks again
from archgraph.errors import ArchgraphError
from archgraph.weights import hub
from archgraph.weights.sources import opened, source_of
found = {}
for text in sys.argv[1:]:
    if text == "offline":
        import huggingface_hub.constants as constants
        constants.HF_HUB_OFFLINE = True
        continue
    if text.startswith("http"):
        import huggingface_hub.constants as constants
        constants.ENDPOINT, hub.PATIENCE = text, 0.1
        continue
    try:
        found[text] = {key: tensor.read().tolist() for key, tensor in opened(source_of(text)).tensors.items()}
    except ArchgraphError as error:
        found[text] = str(error)
print(json.dumps(found | {"waits": len(waits)}))
"""


def answers(folder: Path, address: str, requests: Sequence[str]) -> dict[str, object]:
    home = {"HF_HOME": str(folder), "HF_ENDPOINT": address, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", DRIVER, *requests]
    ran = subprocess.run(command, env={**os.environ, **home}, capture_output=True, text=True, check=True)
    return {"stderr": ran.stderr, **json.loads(ran.stdout)}


def test_a_hub_gives_files_and_says_what_it_lacks(tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    values = [0.0, 1.0, 2.0, 3.0]
    said = {
        "hf:me/two": "me/two holds several files of weights",
        "hf:me/two/z.safetensors": "'me/two' has no file 'z.safetensors'",
        "hf:me/pickled": "hint: if you trust it: pickle:hf:me/pickled/pytorch_model.bin",
        "hf:me/none": "the hub has no 'me/none'",
        "hf:none": "'hf:none' names no file of the hub",
        "hf:me/half": "'hf:me/half/cut.safetensors' could not be downloaded",
    }
    with hub(REPOSITORIES, broken="cut.safetensors") as address:
        found = answers(tmp_path, address, ["hf:me/one", "hf:me/two/y.safetensors", "hf:me/shards", *said])
    assert found["hf:me/one"] == found["hf:me/two/y.safetensors"] == {"a": values}
    assert found["hf:me/shards"] == {"a": values, "b": [0.0, 0.0, 0.0]}
    for request, text in said.items():
        assert text in str(found[request])
    # The hub has gone: what was downloaded is here, and nothing else; it is asked once, and nothing waits.
    with socket.create_server(("127.0.0.1", 0)) as mute:  # it listens, and says nothing
        dumb = f"http://127.0.0.1:{mute.getsockname()[1]}"
        requests = ["hf:me/one", "hf:me/other", "hf:me/two/x.safetensors", dumb, "hf:me/mute"]
        later = answers(tmp_path, address, [*requests, "offline", "hf:me/shards", "hf:me/third"])
    assert later["hf:me/one"] == {"a": values}
    assert later["hf:me/shards"] == found["hf:me/shards"]
    assert f"{address} does not answer, and no copy is kept in {tmp_path}" in str(later["hf:me/other"])
    assert "received: of me/two: y.safetensors" in str(later["hf:me/two/x.safetensors"])
    assert f"{dumb} does not answer, and no copy is kept" in str(later["hf:me/mute"])
    assert "HF_HUB_OFFLINE is set, and no copy is kept" in str(later["hf:me/third"])
    assert (later["waits"], later["stderr"]) == (0, "")
