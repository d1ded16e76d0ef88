"""A real fit: GARCH(1,1) on the S&P 500's returns, against the package that ships them."""

from __future__ import annotations

import numpy as np
import pytest

from tools import garch


@pytest.mark.filterwarnings("ignore")
def test_estimates_are_those_of_arch_with_fewer_evaluations() -> None:
    pytest.importorskip("arch")
    theirs, ours, differences = garch.fits(repeats=1)
    np.testing.assert_allclose(ours.estimates, theirs.estimates, rtol=5e-5)
    # The variance before the first day is the sample's at their estimates.
    assert ours.value == pytest.approx(theirs.value, abs=0.01)
    assert 2 * ours.evaluations < differences.evaluations
    cells = garch.table([theirs, ours, differences]).splitlines()
    assert len(cells) == 5
