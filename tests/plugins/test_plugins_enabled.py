"""Nothing of a plugin runs before its user enables it, and what is wrong with enabling it is told."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_packages import NET, install, install_gates, on_path

import archgraph as ag
from archgraph.cli import main
from archgraph.errors import PluginError, SpecError, UnknownNameError
from archgraph.ops import REGISTRY
from archgraph.plugins.configuration import configuration_file
from archgraph.plugins.plugin import ENABLED


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An environment with the plugin, which nobody has enabled, and a user without a configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    install_gates(tmp_path / "site")
    (tmp_path / "net.yaml").write_text(NET)
    with on_path(tmp_path / "site"):
        yield tmp_path / "site"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str, str]:
    """The exit status of a command, and what it said on both streams."""
    code: object = 0
    try:
        main([str(argument) for argument in arguments])
    except SystemExit as ended:
        code = ended.code or 0
    said = capsys.readouterr()
    return code, said.out, said.err


def test_an_unknown_name_is_told_with_the_option_that_enables_its_plugin(site: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        ag.load(site.parent / "net.yaml")
    assert {problem.hint for problem in caught.value.problems} == {
        "the plugin 'gates' (archgraph-gates 1.2.0) is installed: --plugin gates enables it, or ag.use_plugin('gates')"
    }
    assert "archgraph_gates" not in sys.modules
    assert not ENABLED


def test_commands_enable_by_option(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = site.parent / "net.yaml"
    assert run(capsys, "check", net)[0] == 1
    code, said, _ = run(capsys, "check", net, "--plugin", "gates")
    assert (code, said.splitlines()[0]) == (0, "gated: ok, 2,074 parameters")
    assert "buckets    required  a whole number" in run(capsys, "ops", "gates.hashed")[1]
    assert run(capsys, "blocks", "gates.gated_mlp")[1].startswith("archgraph: 1\nname: gated_mlp")


def test_commands_enable_what_the_users_configuration_names(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configuration_file()
    file.parent.mkdir(parents=True)
    file.write_text('plugins = ["gates"]\n')
    assert run(capsys, "check", site.parent / "net.yaml")[0] == 0
    assert "yes" in run(capsys, "plugins")[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plugins = [", "is no TOML"),
        (
            "plugin = ['gates']",
            "has no 'plugin'\n  expected: plugins = \\[\"NAME\"\\]\n  hint: did you mean 'plugins'?",
        ),
        ("plugins = 'gates'", "`plugins` is a list of names"),
        ("plugins = ['lost']", "no plugin 'lost' is installed(.|\n)*config.toml enables 'lost' for every command"),
    ],
)
def test_a_configuration_that_makes_no_sense(
    site: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    configuration_file().parent.mkdir(parents=True)
    configuration_file().write_text(text)
    code, _, said = run(capsys, "models", "--search", "ddpm")
    assert code == 1
    assert re.search(message, said), said


def test_a_spec_enables_nothing(site: Path) -> None:
    """Not by its operations, not by a key: `plugins` is no key of the language."""
    text = NET + "plugins: [gates]\n"
    (site.parent / "asking.yaml").write_text(text)
    with pytest.raises(SpecError, match="plugins"):
        ag.load(site.parent / "asking.yaml")
    assert "archgraph_gates" not in sys.modules


def test_installed_plugins_are_listed_and_not_imported(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = run(capsys, "plugins")
    assert code == 0
    assert said.splitlines()[-1].split() == ["gates", "archgraph-gates", "1.2.0", "operations,", "blocks,", "losses"]
    assert "archgraph_gates" not in sys.modules


def test_two_plugins_of_one_name(site: Path) -> None:
    install(site, "other-gates", "0.1", {"operations": {"gates": "other_gates.operations"}})
    with pytest.raises(PluginError) as caught:
        ag.use_plugin("gates")
    assert str(caught.value) == (
        "error: two packages offer a plugin 'gates'\n"
        "  expected: one plugin of a name\n"
        "  received: archgraph-gates 1.2.0 and other-gates 0.1\n"
        "  hint: uninstall one of them: pip uninstall other-gates"
    )


def test_a_plugin_that_is_not_installed(site: Path) -> None:
    with pytest.raises(
        PluginError, match=r"no plugin 'gate' is installed\n  expected: one of gates\n  hint: did you mean"
    ):
        ag.use_plugin("gate")


def test_a_plugin_is_enabled_once(site: Path) -> None:
    assert ag.use_plugin("gates") is ag.use_plugin("gates")
    assert REGISTRY["gates.quick_gelu"].plugin == "gates"
