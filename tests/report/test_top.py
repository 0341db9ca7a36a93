# SPDX-License-Identifier: Apache-2.0
"""Top-5 is scikit-learn's, ties going to the lower class."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import top_k_accuracy_score

from xnorc.report.results import top_share


def test_top_five_is_scikit_learns_where_nothing_ties() -> None:
    dice = np.random.default_rng(4)
    logits = dice.permuted(np.tile(np.arange(10, dtype=np.int32), (300, 1)), axis=1)
    truths = dice.integers(0, 10, 300)
    assert top_share(logits, truths) == pytest.approx(top_k_accuracy_score(truths, logits, k=5, labels=range(10)))


def test_of_equal_logits_the_lower_class_comes_first() -> None:
    logits = np.zeros((2, 7), np.int32)
    assert top_share(logits, np.array([4, 5])) == 0.5
    assert top_share(logits, np.array([-1, 5])) == 0.0
    assert top_share(logits, np.array([-1, -1])) is None
    assert top_share(logits[:, :5], np.array([4, 3])) is None
