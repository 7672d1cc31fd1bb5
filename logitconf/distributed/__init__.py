"""Fits whose rows lie on many machines, or are too many for one: a plan that asks for sums.

Read `plan` first: what users drive. It asks by a `request`, which maps a block of rows to a
`total`; totals add up in any order to the same bytes. `exact_sums` and `score_counts` are what they
are made of, `survey` what the first pass looks at, `reading` how a block is checked, `wire` how a
total travels. On the driver's side `temperature` finds T from the sums, and `ranking` and
`choosing` a threshold from counts of scores. `engines` map requests over rows that lie somewhere.

What may enter: what no engine needs to be told. No file, no network; an engine only in `engines`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logitconf.distributed.plan import FitPlan as FitPlan

__all__ = ["FitPlan"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.plan"), name)
