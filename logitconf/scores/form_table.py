"""From how many classes on a form is faster on a CPU: measured, and not to be edited by hand.

``PYTHONPATH=.:export:tests python -m benchmarks.form_table`` measures the machine that it runs on
and writes its row. A form is taken where it is faster on every processor of the table, so that a
head does not depend on the machine that writes it. Files of before read as they did, but `verify`
finds that a new table writes another graph; `reattach` then writes it.
"""

from dataclasses import dataclass

NEVER = 2**31
"""More classes than any head has."""
_FULL_VECTORS = 16


@dataclass(frozen=True, slots=True)
class Measured:
    """From how many classes on each form pays, on one kind of processor.

    Attributes:
        processor: its family.
        onnxruntime: version.
        date: of the measurement.
        softmax: one fused Softmax for the largest probability, in place of its parts.
        full_softmax: the same where the classes are a multiple of 16, and fill whole vectors.
        energy: one fused LogSoftmax for the energy, in place of its parts.
        full_energy: the same for multiples of 16.
        table: maxima of rows and columns for the two largest, in place of the largest and then all
            others.
    """

    processor: str
    onnxruntime: str
    date: str
    softmax: int
    full_softmax: int
    energy: int
    full_energy: int
    table: int


MEASURED: tuple[Measured, ...] = (
    Measured(
        processor="AMD EPYC, avx512f",
        onnxruntime="1.31.1",
        date="2026-11-27",
        softmax=50,
        full_softmax=16,
        energy=200,
        full_energy=32,
        table=80,
    ),
)


def pays(choice: str, n_classes: int) -> bool:
    """Whether a form is faster with so many classes on every processor that was measured.

    Args:
        choice: `softmax`, `energy` or `table`.
        n_classes: K.
    """
    if all(n_classes >= getattr(row, choice) for row in MEASURED):
        return True
    full = f"full_{choice}"
    if n_classes % _FULL_VECTORS or not hasattr(MEASURED[0], full):
        return False
    return all(n_classes >= getattr(row, full) for row in MEASURED)
