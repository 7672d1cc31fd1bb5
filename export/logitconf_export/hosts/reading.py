"""Finds what a host model's outputs mean and where their logits are, from its structure alone."""

from collections.abc import Sequence
from dataclasses import replace

import onnx

from logitconf_export.hosts.candidates import (
    Candidate,
    Family,
    HostReading,
    Refusal,
    Task,
    position_axes,
)
from logitconf_export.hosts.graph.ancestry import ancestors
from logitconf_export.hosts.graph.axes import normalised
from logitconf_export.hosts.graph.facts import UNKNOWN, TensorFacts, short
from logitconf_export.hosts.graph.indexing import index_model
from logitconf_export.hosts.graph.scope import Scope
from logitconf_export.hosts.operators.table import OPERATORS, reader_of
from logitconf_export.hosts.reader import Reading, Result, Unread
from logitconf_export.onnx_files.element_types import FLOAT_WORDS
from logitconf_export.onnx_files.loading import (
    DEFAULT_DOMAINS,
    host_opset,
)

_MOST_STATES = 64
_LARGEST_EMBEDDING = 4096


def read_host(model: onnx.ModelProto) -> HostReading:
    """Where a head could be attached, for each output of the model.

    The structure decides; names prove nothing, and nothing is run.

    Raises:
        LogitconfError: if the graph has a cycle, a value without a producer or one with two.

    Example:
        >>> host = onnx.parser.parse_model(
        ...     '<ir_version: 8, opset_import: ["": 17]>'
        ...     'agraph (float[N, 10] x) => (float[N, 10] logits) { logits = Softmax(x) }'
        ... )
        >>> place = read_host(host).choose(task="multiclass")
        >>> place.tensor, place.kind, place.n_classes
        ('x', 'logits', 10)
    """
    scope = index_model(model, OPERATORS)
    reader = reader_of(model)
    quantized = _quantized_values(scope)
    states = _state_outputs(model, scope)
    placed: list[Candidate] = []
    refused: list[Refusal] = []
    for output in dict.fromkeys(scope.outputs):
        result = reader.read(scope, output)
        if output in states:
            like = (
                f"it has the shape of the input {states[output][:80]!r} and may be its next state"
            )
            if isinstance(result, Unread):
                result = Unread(like)
            elif result.family is None:
                result = result.doubted(like)
        outcome = _outcome(scope, output, result, quantized)
        if isinstance(outcome, Candidate):
            placed.append(outcome)
        else:
            refused.append(outcome)
    return HostReading(
        candidates=tuple(_no_embeddings(scope, _merged(placed))),
        refused=tuple(refused),
        notes=tuple(_notes(model, scope)),
        values=scope.facts,
        read=lambda name: _outcome(scope, name, reader_of(model).read(scope, name), quantized),
    )


def _outcome(
    scope: Scope, name: str, result: Result, quantized: frozenset[str]
) -> Candidate | Refusal:
    if isinstance(result, Reading):
        return _candidate(scope, name, result, quantized)
    return Refusal(name, _refusal(scope, name, result))


def _candidate(
    scope: Scope, output: str, reading: Reading, quantized: frozenset[str]
) -> Candidate | Refusal:
    tensor = reading.tensor
    if tensor is None:
        return Refusal(output, f"{reading.reason}, but no float tensor holds it")
    facts = scope.fact(tensor)
    shown = scope.fact(output)
    same = reading.direct and reading.kind == reading.tensor_kind
    if facts.rank is None and same and shown.rank is not None and shown.dtype in FLOAT_WORDS:
        # The output means the same, and its shape is declared.
        tensor, reading, facts = output, reading.at_value(output), shown
    if facts.dtype not in (0, *FLOAT_WORDS):
        return Refusal(output, f"{reading.reason}, but its input holds whole numbers")
    rank, axis, certain = facts.rank, reading.tensor_axis, reading.certain
    n_classes = reading.n_classes
    if axis is not None:
        axis = normalised(axis, rank)
    if n_classes is None:
        n_classes = facts.size(axis)
    if axis is not None and axis == rank and n_classes == 1 and rank > 1 and facts.size(-1) == 1:
        axis = rank - 1
    if axis is None:
        axis = _likely_axis(facts, reading)
        certain = certain and n_classes == 1
    reason = reading.reason
    if axis < 0:
        certain, reason = False, f"{reason}; the graph does not say how many axes it has"
    # One logit a position (axis equal to rank) has no column to count.
    task = (
        None if reading.tensor_axis is None and n_classes != 1 else _task(reading.family, n_classes)
    )
    if reading.tensor_axis is None and n_classes != 1:
        n_classes = facts.size(axis)
    batch = _batch_axis(scope, facts, axis)
    positions = position_axes(facts, axis, batch)
    if not positions and _spreads(scope, output, reading):
        positions = (0,)
    dtype = facts.dtype or shown.dtype
    shown_axis = None if reading.axis is None else normalised(reading.axis, shown.rank)
    return Candidate(
        tensor=tensor,
        kind=reading.tensor_kind,
        task=task,
        n_classes=n_classes,
        class_axis=axis,
        rank=rank,
        dtype=FLOAT_WORDS.get(dtype, "float32"),
        output=output,
        certain=certain,
        reason=reason,
        family=reading.family,
        outputs=(output,),
        output_kind=reading.kind if reading.direct else None,
        output_axis=shown_axis if reading.direct else None,
        batch_axis=batch,
        position_axes=positions,
        quantized=tensor in quantized,
        unfused=_before_quantization(scope, tensor),
    )


def _task(family: Family | None, n_classes: int | None) -> Task | None:
    if family == "categorical":
        return "binary" if n_classes == 2 else "multiclass"
    if family == "bernoulli" and n_classes is not None:
        return "binary" if n_classes == 1 else "multilabel"
    return None


def _likely_axis(facts: TensorFacts, reading: Reading) -> int:
    """Where the classes may be when the way there was lost: the last axis, or none at all."""
    if facts.rank is None:
        return -1
    if reading.n_classes == 1 and facts.size(-1) != 1:
        return facts.rank
    return max(facts.rank - 1, 0)


def _batch_axis(scope: Scope, facts: TensorFacts, class_axis: int) -> int | None:
    """The axis of the rows: the first, unless a later one bears the name of the inputs' batch."""
    if facts.shape is None:
        return 0 if class_axis != 0 else None
    names = {_first(scope.fact(name)) for name in scope.inputs if name not in scope.initializers}
    named = [
        k for k, size in enumerate(facts.shape)
        if isinstance(size, str) and size in names and k != class_axis
    ]  # fmt: skip
    if named:
        return named[0]
    rest = [k for k in range(len(facts.shape)) if k != class_axis]
    fixed = [k for k in rest if isinstance(facts.shape[k], int) and facts.shape[k] != 1]
    if rest and rest[0] in fixed and len(rest) == 2 and rest[1] not in fixed and None not in names:
        # [20, batch, 37]: a fixed first size before a free one is time.
        return rest[1]
    return rest[0] if rest else None


def _first(facts: TensorFacts) -> str | int | None:
    return facts.shape[0] if facts.shape else None


def _spreads(scope: Scope, output: str, reading: Reading) -> bool:
    """Whether rows of the tensor become positions in the output, as where [B*T, C] is reshaped."""
    inner, outer = scope.fact(reading.tensor or "").shape, scope.fact(output).shape
    if inner is None or outer is None or not reading.direct or reading.kind == "logits":
        return False
    return sum(d != 1 for d in outer) > max(sum(d != 1 for d in inner), 2)


def _merged(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One candidate a place: outputs that show the same logits are joined under the best one."""
    places: dict[tuple[str, str, int, str], list[Candidate]] = {}
    for candidate in candidates:
        family = candidate.family or ""
        places.setdefault(
            (candidate.tensor, candidate.kind, candidate.class_axis, family), []
        ).append(candidate)
    for key in [k for k in places if k[3] == ""]:
        # A bare logits output says less than the softmax that reads it too.
        better = next((k for k in places if k[:3] == key[:3] and k[3]), None)
        if better is not None:
            places[better] += places.pop(key)
    merged = []
    for group in places.values():
        best = max(
            group, key=lambda c: (c.family is not None, c.certain, c.output_kind is not None)
        )
        outputs = tuple(dict.fromkeys(c.output for c in (best, *group)))
        merged.append(replace(best, outputs=outputs))
    if any(c.output_kind is not None for c in merged):
        # Labels alone say less than scores: of a one-versus-rest classifier they come from the
        # scores before those were made to sum to 1.
        merged = [c if c.output_kind is not None else replace(c, certain=False) for c in merged]
    order = {candidate.tensor: place for place, candidate in reversed(list(enumerate(candidates)))}
    return sorted(merged, key=lambda c: order[c.tensor])


def _no_embeddings(scope: Scope, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, with doubts about layers that may as well give features.

    A layer without an activation is the last of a classifier or an embedding; what speaks for the
    latter is a number of columns as embeddings have it, or that other logits are made of it.
    """
    several = 1 < len(candidates) <= _MOST_STATES
    made_of = {c.tensor: ancestors(scope, (c.tensor,)) for c in candidates if several}
    checked: list[Candidate] = []
    for candidate in candidates:
        doubt = ""
        count = candidate.n_classes
        if candidate.family is None and candidate.kind == "logits":
            own = candidate.tensor
            others = [t for t in made_of if t != own and own in made_of[t]]
            if others:
                doubt = f"{short(others[0])} is made of it, so it may be an embedding"
            elif count and count % 64 == 0 and count <= _LARGEST_EMBEDDING:
                doubt = f"{count} columns may as well be an embedding"
        if doubt:
            reason = f"{candidate.reason}; {doubt}"
            candidate = replace(candidate, certain=False, reason=reason)  # noqa: PLW2901
        checked.append(candidate)
    return checked


def _refusal(scope: Scope, output: str, result: Unread) -> str:
    dtype = scope.fact(output).dtype
    if dtype and dtype not in FLOAT_WORDS:
        name = onnx.TensorProto.DataType.Name(dtype).lower() if dtype in _DTYPE_NUMBERS else "other"
        return f"it holds {name} values, labels at best; {result.reason}"
    return result.reason


_DTYPE_NUMBERS = frozenset(onnx.TensorProto.DataType.values())


def _quantized_values(scope: Scope) -> frozenset[str]:
    """Values that a QuantizeLinear reads or a DequantizeLinear writes."""
    names: set[str] = set()
    for node in scope.nodes:
        quantization = scope.operators.row(node).quantization
        if quantization == "to integers":
            names.update(node.input[:1])
        elif quantization == "to floats":
            names.update(node.output[:1])
    return frozenset(names)


def _before_quantization(scope: Scope, tensor: str) -> str | None:
    """The value before quantisation, where a head behind it would change the host's outputs.

    onnxruntime 1.31 makes signed integers unsigned only between a QuantizeLinear and its one
    reader; a second reader keeps a quantised Softmax signed, which rounds otherwise.
    """
    rows = scope.operators
    made = scope.producers.get(tensor)
    if made is None or rows.row(made).quantization != "to floats" or not made.input:
        return None
    source = scope.producers.get(made.input[0])
    if source is None or rows.row(source).quantization != "to integers" or len(source.input) < 3:
        return None
    if scope.fact(source.input[2]).dtype != onnx.TensorProto.INT8:
        return None
    readers = [node for node in scope.nodes if tensor in node.input]
    quantized = {
        node.input[0] for node in scope.nodes if rows.row(node).quantization == "to integers"
    }
    again = any(quantized & set(node.output) for node in readers)
    return source.input[0] if again else None


def _state_outputs(model: onnx.ModelProto, scope: Scope) -> dict[str, str]:
    """Outputs shaped like an input, in models with several of both: a recurrent net's state."""
    inputs = [v.name for v in model.graph.input if v.name not in scope.initializers]
    if not 2 <= len(inputs) <= _MOST_STATES or not 2 <= len(scope.outputs) <= _MOST_STATES:
        return {}
    states: dict[str, str] = {}
    for output in scope.outputs:
        alike = {name: _shared(scope.fact(output), scope.fact(name)) for name in inputs}
        best = max(alike, key=lambda name: alike[name])
        if alike[best]:
            states[output] = best
    return states


def _shared(facts: TensorFacts, other: TensorFacts) -> int:
    """How many fixed sizes above 1 two shapes share; 0 where the rank or a fixed size differs."""
    if facts.shape is None or other.shape is None or facts.rank != other.rank:
        return 0
    pairs = zip(facts.shape, other.shape, strict=True)
    fixed = [(a, b) for a, b in pairs if isinstance(a, int) and isinstance(b, int)]
    return sum(a != 1 for a, _ in fixed) if all(a == b for a, b in fixed) else 0


def _notes(model: onnx.ModelProto, scope: Scope) -> list[str]:
    notes: list[str] = []
    versions = [entry.version for entry in model.opset_import if entry.domain in DEFAULT_DOMAINS]
    if len(set(versions)) > 1:
        notes.append(
            f"the default opset is imported {len(versions)} times, as {versions}; the last counts"
        )
    if not versions:
        notes.append(f"the default opset is not imported; {host_opset(model)} would be")
    for value in model.graph.output:
        declared = len(value.type.tensor_type.shape.dim)
        rank = scope.facts.get(value.name, UNKNOWN).rank
        if value.type.tensor_type.HasField("shape") and rank is not None and rank != declared:
            notes.append(
                f"output {value.name[:80]!r} is declared with {declared} axes but has {rank}"
            )
    return notes
