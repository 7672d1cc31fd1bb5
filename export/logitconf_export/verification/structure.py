"""What a file must be before a row is run: one meaning for every reader."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import onnx

from logitconf.errors import LogitconfError
from logitconf_export.attachment.detaching import detach
from logitconf_export.heads.conversion import optional_inputs_of
from logitconf_export.heads.metadata import HeadsMetadata
from logitconf_export.heads.model_info import other_model_info
from logitconf_export.onnx_files.loading import (
    DEFAULT_DOMAINS,
    external_tensors,
    load_external,
    own_copy,
    scopes,
    scopes_below,
)
from logitconf_export.verification.report import Check
from logitconf_export.verification.surroundings import listed, prefixes_of

ACCEPTED = "onnx accepts the file"
MADE_ONCE = "every value is made once"
IMPORTED_ONCE = "every operator set is imported once"
FIXED = "no number can be overridden"
OPERATORS = "no function stands in for an operator"
MODEL_INFO = "model_info says what the card says"

_OVERRIDABLE_FROM = 4
"""IR version from which an initializer may lack an input; with one, a caller may override it."""


def file_checks(model: onnx.ModelProto, several: HeadsMetadata) -> list[Check]:
    """Whether the file means one thing to every reader, and nothing in it stands in for another.

    Args:
        model: as it was loaded.
        several: what it says of its heads.
    """
    findings = {
        MADE_ONCE: _made_twice(model),
        IMPORTED_ONCE: _imported_twice(model),
        FIXED: _overridable(model, several),
        OPERATORS: _stand_ins(model),
    }
    if any(head.attached and head.attached.model_info is not None for head in several.heads):
        other = other_model_info(model, several)
        findings[MODEL_INFO] = f"not what the card says: {listed(other)}" if other else ""
    checks = [Check(name, not wrong, wrong) for name, wrong in findings.items()]
    return [_accepted(model, several), *checks]


def with_own_numbers(
    model: onnx.ModelProto, folder: Path | None, several: HeadsMetadata
) -> onnx.ModelProto:
    """The model with the heads' numbers in it, where a tool has moved them to another file.

    Args:
        model: as it was loaded.
        folder: where its file lies, if it has one.
        several: what it says of its heads.

    Raises:
        LogitconfError: if they cannot be read, or lie outside the model's folder.
    """
    prefixes = prefixes_of(several)
    moved = [t for t in external_tensors(model) if t.name.startswith(prefixes)]
    if not moved:
        return model
    if folder is None:
        raise LogitconfError(
            f"the head's numbers lie in another file ({moved[0].name}); give the model as a path"
        )
    holder = onnx.ModelProto()
    holder.graph.initializer.extend(moved)
    load_external(holder, folder)
    values = {tensor.name: tensor for tensor in holder.graph.initializer}
    copy = own_copy(model)
    for tensor in copy.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(values[tensor.name])
    return copy


def _accepted(model: onnx.ModelProto, several: HeadsMetadata) -> Check:
    """Whether onnx's checker takes the file.

    Runtimes run hosts that it refuses, such as nodes out of order or values without a shape (onnx
    1.23, onnxruntime 1.31). There it is asked about the heads' own numbers.
    """
    refusal = _refusal(model)
    twice = _repeated(value.name for value in model.graph.output)
    if twice:
        refusal = f"the outputs {listed(twice)} are there twice"
    elif refusal and several.heads[0].attached is not None and _refusal(detach(model)):
        own = _refusal_of_heads(model, prefixes_of(several))
        if not own:
            return Check(ACCEPTED, None, f"it refuses the host without its head, too: {refusal}")
        refusal = own
    return Check(ACCEPTED, not refusal, refusal)


def _refusal(model: onnx.ModelProto) -> str:
    """Why onnx's checker refuses the file; weights in other files are none of its business."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in external_tensors(bare):
        name, element = tensor.name, tensor.data_type
        tensor.Clear()
        tensor.name, tensor.data_type = name, element
        tensor.dims[:] = [0]
    # The checker (onnx 1.23) knows the default domain in one of its two spellings alone.
    for entry in (*bare.opset_import, *(node for scope in scopes(bare) for node in scope.node)):
        if entry.domain in DEFAULT_DOMAINS:
            entry.domain = ""
    return _words(lambda: onnx.checker.check_model(bare))


def _refusal_of_heads(model: onnx.ModelProto, prefixes: tuple[str, ...]) -> str:
    """Why the checker refuses one of the heads' numbers, empty if it takes them all."""
    tensors = (t for t in model.graph.initializer if t.name.startswith(prefixes))
    own = (t for t in tensors if t.data_location != onnx.TensorProto.EXTERNAL)
    refusals = (_words(partial(onnx.checker.check_tensor, tensor)) for tensor in own)
    return next((refusal for refusal in refusals if refusal), "")


def _words(check: Callable[[], None]) -> str:
    try:
        check()
    except (onnx.checker.ValidationError, ValueError) as error:
        return " ".join(str(error).split())[:400]
    return ""


def _made_twice(model: onnx.ModelProto) -> str:
    """Names that more than one initializer, node or input gives a value to."""
    graph = model.graph
    made = [tensor.name for tensor in graph.initializer]
    made += [sparse.values.name for sparse in graph.sparse_initializer]
    made += [name for node in graph.node for name in node.output if name]
    twice = _repeated(made)
    computed = {name for node in graph.node for name in node.output}
    twice += [value.name for value in graph.input if value.name in computed]
    twice += _repeated(value.name for value in graph.input)
    inner = {
        tensor.name
        for scope in scopes_below([graph])
        if scope is not graph
        for tensor in scope.initializer
    }
    twice += sorted(inner & set(made))
    return f"made more than once: {listed(twice)}" if twice else ""


def _imported_twice(model: onnx.ModelProto) -> str:
    versions: dict[str, set[int]] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain in DEFAULT_DOMAINS else entry.domain
        versions.setdefault(domain, set()).add(entry.version)
    twice = {domain or "ai.onnx": sorted(v) for domain, v in versions.items() if len(v) > 1}
    return "; ".join(f"{domain} as {numbers}" for domain, numbers in twice.items())


def _overridable(model: onnx.ModelProto, several: HeadsMetadata) -> str:
    """Numbers of a head that a caller can set, but for those that a tunable head says."""
    if model.ir_version < _OVERRIDABLE_FROM:
        return ""
    initializers = {t.name: t for t in model.graph.initializer}
    own = {name for name in initializers if name.startswith(prefixes_of(several))}
    given = {value.name for value in model.graph.input if value.name in own}
    said = {
        value.name
        for head in several.heads
        for value in optional_inputs_of(head.form, initializers.values(), head.prefix)
    }
    if given - said:
        return f"a caller can set {listed(sorted(given - said))}, since it is an input too"
    missing = sorted(said - given)
    return f"a caller must be able to set {listed(missing)}, but it is no input" if missing else ""


def _stand_ins(model: onnx.ModelProto) -> str:
    """Functions under an operator's own name, which runtimes may run instead of it."""
    taken = []
    for function in model.functions:
        domain = "" if function.domain in DEFAULT_DOMAINS else function.domain
        if domain == "" or onnx.defs.has(function.name, domain):
            taken.append(f"{function.domain or 'ai.onnx'}.{function.name}")
    calls = Counter((f.domain, f.name, f.overload) for f in model.functions)
    taken += [f"{name} (twice)" for (_, name, _), count in calls.items() if count > 1]
    taken += [
        f"{node.op_type} ({node.overload})"
        for scope in scopes(model)
        for node in scope.node
        if node.domain in DEFAULT_DOMAINS and node.overload
    ]
    return f"functions stand in for {listed(taken)}" if taken else ""


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
