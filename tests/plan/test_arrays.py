# SPDX-License-Identifier: Apache-2.0
"""Arrays and members hold what their C types hold, ends included."""

from __future__ import annotations

import numpy as np
import pytest

from xnorc.errors import ProgramError
from xnorc.plan.layout import SCALARS, Array, Member


@pytest.mark.parametrize("ctype", SCALARS)
def test_a_type_holds_its_own_ends_and_nothing_beyond(ctype: str) -> None:
    info = np.iinfo(SCALARS[ctype])
    ends = [int(info.min), int(info.max)]
    assert np.asarray(Array(ctype, np.array(ends, object)).values).tolist() == ends
    assert [Member("m", ctype, end).value for end in ends] == ends
    for beyond in (info.min - 1, info.max + 1):
        with pytest.raises(ProgramError, match="in a"):
            Array(ctype, np.array([0, beyond], object))
        with pytest.raises(ProgramError, match="does not fit"):
            Member("m", ctype, int(beyond))
