"""The package that docs/plugins.md makes, made of its text alone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from plugin_packages import install, on_path

import archgraph as ag
from archgraph.cli import main
from archgraph.plugins import GROUPS

PAGE = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES: dict[str, str] = dict(re.findall(r"^```\w+ (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
"""What blocks hold that are named after a file."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's package, installed as its pyproject.toml says."""
    site = tmp_path_factory.mktemp("page")
    for name, text in {**FILES, "archgraph_gates/__init__.py": ""}.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
    project = tomllib.loads(FILES["pyproject.toml"])["project"]
    entries = {kind: project["entry-points"][group] for kind, group in GROUPS.items()}
    install(site, project["name"], project["version"], entries)
    with on_path(site):
        yield site


def test_the_page_shows_the_tree_that_it_makes() -> None:
    tree = re.search(r"^archgraph-gates/\n.*?^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert tree is not None
    names = {Path(name).name for name in FILES}
    assert all(name in tree[0] for name in names)


def test_its_plugin_keeps_what_it_declares_and_prints_what_is_shown(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plugins", "gates"])
    assert not ended.value.code
    assert f"```text\n{capsys.readouterr().out}```" in PAGE


def test_a_network_of_its_names(package: Path) -> None:
    ag.use_plugin("gates")
    shown = re.search(r"```yaml\n(nodes:\n.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    path = package / "net.yaml"
    path.write_text(f"archgraph: 1\nname: net\ninputs: {{x: [N, 8]}}\n{shown[1]}")
    network, x = ag.to_torch(path), torch.randn(2, 8)
    up, down = network.mlp.up, network.mlp.down
    hidden = up(x * torch.sigmoid(1.5 * x))
    torch.testing.assert_close(network(x), down(hidden * torch.sigmoid(1.702 * hidden)))
