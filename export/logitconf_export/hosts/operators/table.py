"""Collects the rows of every kind of operator."""

from collections.abc import Iterable

import onnx

from logitconf_export.hosts.graph.indexing import function_table
from logitconf_export.hosts.graph.scope import OperatorKey, OperatorTable
from logitconf_export.hosts.operators import (
    activations,
    classical,
    control_flow,
    elementwise,
    movement,
    normalisations,
    opaque,
    products,
    quantisation,
    reductions,
    selection,
)
from logitconf_export.hosts.reader import OperatorRow, Reader


def table_of(rows: Iterable[OperatorRow]) -> OperatorTable[OperatorRow]:
    """The rows by domain and name.

    Raises:
        ValueError: if an operator has two rows, so that one would hide the other.
    """
    keyed: dict[OperatorKey, OperatorRow] = {}
    for row in rows:
        for domain in row.domains:
            if (domain, row.name) in keyed:
                raise ValueError(f"an operator must have one row, but {row.name} has two")
            keyed[domain, row.name] = row
    return OperatorTable(keyed, OperatorRow(name=""))


OPERATORS = table_of(
    row
    for kind in (
        activations, classical, control_flow, elementwise, movement, normalisations, opaque,
        products, quantisation, reductions, selection,
    )
    for row in kind.ROWS
)  # fmt: skip
"""What is known of each operator."""


def reader_of(model: onnx.ModelProto) -> Reader:
    """A reader of the model's values that knows every operator."""
    return Reader(OPERATORS, function_table(model), control_flow.read_call)
