"""Gini and DOCTOR where one class has nearly all: what is left must keep its digits in double."""

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from support.score_cases import make


def exact(name: str, row: list[float], temperature: float) -> float:
    """From the definitions, in 60 digits."""
    with mpmath.workdps(60):
        powers = [mpmath.exp(mpmath.mpf(z) / mpmath.mpf(temperature)) for z in row]
        shares = [power / sum(powers) for power in powers]
        same = sum(p * p for p in shares)
        impurity = {
            "gini": 1 - same,
            "doctor": (1 - same) / same,
            "doctor_beta": 1 / max(shares) - 1,
        }
        return float(impurity[name])


@pytest.mark.parametrize("name", ["gini", "doctor", "doctor_beta"])
@pytest.mark.parametrize("gap", [0.0, 3.0, 30.0, 90.0])
@pytest.mark.parametrize("classes", [2, 5, 30])
def test_in_double_nothing_cancels_where_one_class_has_nearly_all(
    name: str, gap: float, classes: int
) -> None:
    logits = np.random.default_rng(classes).standard_normal((20, classes))
    logits[:, 0] += gap
    logits[0] = 1.0
    logits[1, :2] = gap + 9.0
    found = make(name, "multiclass", 1.5).score(logits)
    # exp of -60 alone loses two of double's sixteen digits
    np.testing.assert_allclose(
        found, [exact(name, row.tolist(), 1.5) for row in logits], rtol=2e-14, atol=0.0
    )
