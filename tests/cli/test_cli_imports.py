"""Pay for what you use: what a fresh process has imported in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "onnx", "onnxruntime", "pygraphviz", "graphviz", "networkx", "numpy", "PIL", "rich")

REPORT = """
import sys
import archgraph, archgraph.cli
for arguments in {commands!r}:
    try:
        archgraph.cli.main(arguments)
    except SystemExit as ended:
        assert not ended.code, (arguments, ended.code)
assert not {{"archgraph.plugins.installed", "archgraph.language.plugins", "tomllib"}} & sys.modules.keys()
print("imported:", *sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


def imported_by(*commands: list[str]) -> set[str]:
    """What a process has imported that runs these commands, one after the other."""
    script = REPORT.format(commands=commands)
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.rpartition("imported:")[2].split())


def test_importing_archgraph_imports_nothing_heavy() -> None:
    found = imported_by()
    assert "archgraph" in found
    assert found.isdisjoint({*HEAVY, "pydantic", "yaml", "typer"})


def test_reading_commands_import_no_framework() -> None:
    found = imported_by(
        ["check", "specs/resnet.yaml@resnet50"],
        ["summary", "ddpm@cifar10"],
        ["diff", "resnet18", "resnet34"],
        ["ops"],
        ["models"],
    )
    assert "typer" in found
    assert found.isdisjoint(HEAVY)


def test_a_check_of_names_imports_no_command_line_and_only_what_the_network_needs() -> None:
    found = imported_by(
        ["check", "resnet18", "llama@llama3_2_1b", "specs/sd_unet.yaml@sdxl", "swin@swin_t", "bert@bert_base_uncased"]
    )
    assert "pydantic" in found
    assert found.isdisjoint({*HEAVY, "typer"})


def test_the_entry_point_as_a_process(tmp_path: Path) -> None:
    def archgraph(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "archgraph.cli", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=ASCII)

    ASCII = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": str(ROOT)}
    good = archgraph("diff", "resnet18", "resnet34")
    assert (good.returncode, good.stderr) == (0, "")
    assert "?" in good.stdout  # an arrow that this terminal cannot show
    wrong = archgraph("check", "resnet_18")
    assert wrong.returncode == 1
    assert "did you mean 'resnet18'?" in wrong.stderr
    assert "Traceback" not in wrong.stderr
