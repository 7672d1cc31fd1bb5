"""Looking for a row that a head decides otherwise than its card says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from logitconf.errors import LogitconfError
from logitconf.head_spec import Head, layout_of
from logitconf.scores.bands import Sums
from logitconf_export.decisions.hard_rows import (
    arranged,
    as_kind,
    columns_of,
    flattened,
    random_rows,
)
from logitconf_export.decisions.reference import Reference
from logitconf_export.heads.metadata import HeadMetadata
from logitconf_export.onnx_files.element_types import ELEMENT_TYPES
from logitconf_export.onnx_files.types import Array
from logitconf_export.proof.cases.sorts import Case
from logitconf_export.proof.composing.head_part import HeadPart
from logitconf_export.proof.verdicts import Witness

Run = Callable[[Array], tuple[Array, Array]]
"""Score and mask of logits in the head's own layout."""

_ROWS = 2000
# of random rows around those that lie nearest to the threshold
_CLIMBS, _NEIGHBOURS = 6, 200


def part_model(part: HeadPart, model: onnx.ModelProto, metadata: HeadMetadata) -> onnx.ModelProto:
    """The part of a file that makes score and mask, as a model of its own."""
    form = metadata.form
    names = [f"D{axis}" for axis in range(form.input_rank)]
    dims = [
        form.n_classes if axis == form.class_axis and form.n_classes else name
        for axis, name in enumerate(names)
    ]
    logits = helper.make_tensor_value_info(part.tensor, ELEMENT_TYPES["float32"], dims)
    # of several heads, score and mask may be inner values of the file
    types = {part.score: ELEMENT_TYPES["float32"], part.mask: onnx.TensorProto.BOOL}
    declared = {value.name: value for value in (*model.graph.value_info, *model.graph.output)}
    outputs = [
        declared.get(name) or helper.make_tensor_value_info(name, element, None)
        for name, element in types.items()
    ]
    numbers = [numpy_helper.from_array(v.values, name) for name, v in part.constants.items()]
    graph = helper.make_graph(list(part.nodes), "part", [logits], outputs, numbers)
    imports = list(model.opset_import)
    return helper.make_model(graph, opset_imports=imports, ir_version=model.ir_version)


@dataclass(frozen=True, slots=True)
class Searcher:
    """Looks for witnesses among random rows of the range, those near the threshold most of all.

    Attributes:
        metadata: what the file says of the head.
        run: the head in the runtime.
        limit: of the size of finite logits.
        sums: how the runtime adds up.
    """

    metadata: HeadMetadata
    run: Run
    limit: float
    sums: Sums = "pinned"

    def __call__(self, case: Case | None) -> Witness | None:
        """A row that is decided otherwise outside the band, or is accepted and has no score."""
        try:
            return self._finite() if case is None else self._not_finite(case)
        except LogitconfError:
            # a runtime that refuses the rows decides nothing
            return None

    def _not_finite(self, case: Case) -> Witness | None:
        columns = columns_of(self.metadata.form)
        rows = np.ones((columns, columns), dtype=np.float32)
        if len(case.row) == 2:
            rows[:] = case.row[0]
            np.fill_diagonal(rows, case.row[1])
            if case.one_left:
                rows[:] = case.row[1]
                np.fill_diagonal(rows, case.row[0])
        else:
            rows = np.full((1, columns), case.row[0], dtype=np.float32)
        score, mask = self.run(arranged(rows, self.metadata.form))
        accepted = np.flatnonzero(mask.ravel())
        if not accepted.size:
            return None
        at = int(accepted[0])
        row = self._judged(arranged(rows, self.metadata.form))[at]
        return Witness(tuple(row.tolist()), float(score.ravel()[at]), np.nan, True, np.nan)

    def _judged(self, logits: Array) -> Array:
        """The row of each decision, (N, K); where each label is judged, that label alone."""
        if self.metadata.card.per_label:
            return logits.reshape(-1, 1)
        return flattened(logits, self.metadata.form)

    def _finite(self) -> Witness | None:
        form, card = self.metadata.form, self.metadata.card
        reference, columns = Reference(Head.of_card(card, form)), columns_of(form)
        random = np.random.default_rng(0)
        if form.kind != "logits" and form.members is not None:
            return None
        family = layout_of(card, form).family
        rows = as_kind(random_rows(_ROWS, columns), form.kind, family)
        low, high = -self.limit, self.limit
        if form.kind == "probabilities":
            # of which none is masked
            low, high = 2e-38, 1.0
        for climb in range(_CLIMBS):
            rows = np.clip(rows, low, high).astype(np.float32)
            logits = arranged(rows, form)
            score, mask = (np.asarray(a).ravel() for a in self.run(logits))
            judged, threshold = self._judged(logits), reference.thresholds(logits)
            exact = reference.truth(logits).score.astype(np.float64)
            band = reference.allowed(exact, columns, reference.sizes(logits), self.sums)
            wrong = (np.abs(score - exact) > band) | ~np.isfinite(score)
            wrong |= (mask != (exact < threshold)) & (np.abs(exact - threshold) > band)
            # of a difference, one that changes the decision says more
            flips = wrong & (mask != (exact < threshold))
            hits = np.flatnonzero(flips if flips.any() else wrong)
            if hits.size:
                at = int(hits[0])
                return Witness(
                    tuple(judged[at].tolist()),
                    float(score[at]),
                    float(exact[at]),
                    bool(mask[at]),
                    float(band[at]),
                )
            nearest = np.argsort(np.abs(score - exact) / band)[-10:]
            shape = (_NEIGHBOURS, *judged[nearest].shape)
            spread = random.normal(size=shape) * 10.0 ** -(climb + 1)
            moved = judged[nearest] * (1.0 + spread)
            rows = np.resize(moved, (-(-moved.size // columns), columns))
        return None
