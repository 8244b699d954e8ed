"""A lean sample of `tests/benchmark/proof_rates.py`: no right file is refused, and no wrong one passes."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmark"))
from proof_networks import subjects
from proof_rates import Rates, study


@pytest.mark.parametrize("first", [0, *(pytest.param(first, marks=pytest.mark.slow) for first in (12, 24, 36))])
def test_right_files_pass_and_wrong_ones_do_not(first: int, tmp_path: Path) -> None:
    rates = Rates()
    for _ in study(islice(subjects(first + 12), first, None), rates, tmp_path):
        pass
    assert rates.right == 12
    assert rates.wrong + len(rates.invisible) >= 11
    assert rates.refused == rates.passed == []
