"""Holds drafts of families against the specs that they became: lines that were changed by hand.

    python tests/benchmark/import_drafts.py [tnt …] [--folder drafts]

A draft is what `archgraph import A B` writes of the published networks named in the table, with `--rename-param` for
the four names that the collection has for what authors call otherwise. Both files are laid out by the same writer,
without `meta`, `assert`, `about` and the presets that were not imported. New lines are those of the final spec that the
draft lacks, gone lines those of the draft that the final lacks. The last columns are these without lines in which names
alone differ: of nodes, of blocks of the file, of parameters and of copies. Traced graphs are kept in the folder, so
that only writing runs anew; the folder also takes both texts, as NAME.draft.yaml, NAME.final.yaml.
"""

from __future__ import annotations

import argparse
import difflib
import re
import statistics
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import references
from written_imports import Given, handed_on

from archgraph.errors import ArchgraphError, ImportingError
from archgraph.graph.spec_text import spec_text
from archgraph.importing import family
from archgraph.importing.sources.module_source import module_source
from archgraph.importing.writing.family_data import family_data
from archgraph.importing.writing.plain_data.renamed_parameters import with_renamed_parameters
from archgraph.language.editor.arguments import operations
from archgraph.language.expressions.functions import FUNCTIONS
from archgraph.language.library import block_file, read_spec, standard_blocks
from archgraph.language.load import load
from archgraph.language.reading.document import read_file
from archgraph.language.schema.models import SPEC_KEYS
from archgraph.language.schema.names import NODE_KEYS

SPECS = Path(__file__).parents[2] / "specs"

FAMILIES: Mapping[str, Sequence[str]] = {
    "pit": ("pit_ti_224", "pit_xs_224"),
    "mambaout": ("mambaout_femto", "mambaout_kobe"),
    "tiny_vit": ("tiny_vit_5m_224", "tiny_vit_11m_224"),
    "mobilenet_v1": ("mobilenetv1_100", "mobilenetv1_125"),
    "legacy_senet": ("legacy_seresnet50", "legacy_seresnext26_32x4d"),
    "gernet": ("gernet_s", "gernet_l"),
    "xception_aligned": ("xception41", "xception65"),
    "shvit": ("shvit_s1", "shvit_s2", "shvit_s4"),
    "repghost": ("repghostnet_050", "repghostnet_100"),
    "convit": ("convit_tiny", "convit_small"),
    "selecsls": ("selecsls42b", "selecsls60b"),
    "hgnet_v2": ("hgnetv2_b0", "hgnetv2_b1"),
    "lcnet_v2": ("lcnetv2_small", "lcnetv2_base"),
    "cspnext": ("cspnext_tiny", "cspnext_s"),
    "nest": ("nest_tiny", "nest_small"),
    "tnt": ("tnt_s_patch16_224", "tnt_b_patch16_224"),
    "rdnet": ("rdnet_tiny", "rdnet_small"),
    "volo": ("volo_d1_224", "volo_d2_224", "volo_d5_224"),
    "vit_relpos": ("vit_relpos_small_patch16_224", "vit_relpos_medium_patch16_224"),
    "nextvit": ("nextvit_small", "nextvit_base"),
}
"""Shipped specs of timm's networks and the presets of their drafts: those added last. VOLO is drafted with its largest
network too, which has another ratio of widths, so that this is a parameter."""

RENAMED: Mapping[str, str] = {
    "num_classes": "classes",
    "img_size": "image_size",
    "dims": "channels",
    "drop_path_rate": "drop_path",
}
"""What all specs of the collection call arguments that authors call otherwise: `--rename-param OLD=NEW`."""

_LEFT_OUT = ("archgraph", "name", "about", "assert", "meta")


class Change(NamedTuple):
    """Lines of a draft and of the spec that it became."""

    draft: int
    final: int
    new: int
    gone: int
    new_but_for_names: int
    gone_but_for_names: int


def traced(name: str, folder: Path | None) -> Given:
    """What the draft of a family is written from, traced or from the folder. Raises ImportingError."""
    sources = {preset: module_source(f"timm:{preset}") for preset in FAMILIES[name]}
    path = folder / f"{name}.pickle" if folder is not None else None
    return handed_on(family, "family_data", lambda: family.import_family(sources, name=name, verify=False), path)


def text(spec: Mapping[str, Any], presets: Sequence[str]) -> str:
    """A spec in the writer's layout, of some presets and without what says where it comes from."""
    kept = {key: value for key, value in spec.items() if key not in _LEFT_OUT}
    chosen = {preset: kept.get("presets", {}).get(preset, {}) for preset in presets}
    blocks = {name: _without_about(block) for name, block in kept.get("blocks", {}).items()}
    return spec_text({**kept, **({"presets": chosen} if chosen else {}), **({"blocks": blocks} if blocks else {})})


def _without_about(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: _without_about(value) for key, value in part.items() if key != "about"}


def change(draft: str, final: str) -> Change:
    """How many lines differ; the place and the width of spaces do not count."""
    before, after = ([" ".join(line.split()) for line in one.splitlines()] for one in (draft, final))
    same = _same(before, after)
    alike = _same(*([_without_names(line) for line in lines] for lines in (before, after)))
    old, new = len(before), len(after)
    return Change(old, new, new - same, old - same, new - alike, old - alike)


def _same(before: list[str], after: list[str]) -> int:
    pairs = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return sum(block.size for block in pairs)


def _without_names(line: str) -> str:
    return re.sub(r"[A-Za-z_][A-Za-z_0-9]*", lambda word: word[0] if word[0] in _words() else "name", line)


@cache
def _words() -> frozenset[str]:
    """What a spec does not name: keys, operations, standard blocks, their arguments, functions and types."""
    found = {*NODE_KEYS, *SPEC_KEYS, *FUNCTIONS, "if", "else", "int", "float", "bool", "str", "true", "false", "null"}
    for operation in operations():
        found |= {operation.name, *operation.arguments}
    for name in standard_blocks():
        found |= {name, *read_spec(block_file(name)).block.params}
    return frozenset(found)


def changed(name: str, folder: Path | None) -> Change:
    """The lines of a family's draft that polishing changed. Raises ImportingError, or SpecError for a wrong draft."""
    given, named = traced(name, folder)
    data = family_data(*given, **named)
    for old, new in RENAMED.items():
        with suppress(ImportingError):  # it has no such parameter, or something else has the name
            data = with_renamed_parameters(data, {old: new})
    load(data)
    final = read_file(SPECS / f"{name}.yaml").data
    texts = {"draft": text(data, FAMILIES[name]), "final": text(final, FAMILIES[name])}
    for kind, written in texts.items():
        if folder is not None:
            (folder / f"{name}.{kind}.yaml").write_text(written, encoding="utf-8")
    return change(texts["draft"], texts["final"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", help="names of the table; all without any")
    parser.add_argument("--folder", type=Path, help="where traced graphs and both texts are kept")
    arguments = parser.parse_args()
    if arguments.folder is not None:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(100_000)
    references.timm()
    print("| family | draft | final | new | gone | new, but for names | gone |", f"|{' --- |' * 7}", sep="\n")
    found: list[Change] = []
    for name in arguments.families or FAMILIES:
        begun = time.process_time()
        try:
            one = changed(name, arguments.folder)
        except ArchgraphError as error:
            print(f"| {name} | not written: {error.problems[0].message} |{' |' * 5}", flush=True)
            continue
        found.append(one)
        print(f"| {name} | {' | '.join(map(str, one))} |", flush=True)
        print(f"{name}: {time.process_time() - begun:.0f} s", file=sys.stderr)
    if found:
        new, gone, *named = (statistics.median(one[place] for one in found) for place in range(2, 6))
        print(
            f"\n{len(found)} families, medians: the final spec has {new:g} lines that the draft lacks, and {gone:g} "
            f"of the draft are gone; but for names {named[0]:g} and {named[1]:g}"
        )


if __name__ == "__main__":
    main()
