"""The commands that are printed as what to do next; each runs when it is pasted."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from logitconf_export.cli.results.result import quoted

if TYPE_CHECKING:
    import onnx

    from logitconf_export.cli.common.options import LogitsLocation
    from logitconf_export.hosts.candidates import Candidate, HostReading

_MEANINGS = {
    "multiclass": "if its columns are classes that compete:",
    "binary": "if it is one logit, of yes against no:",
    "multilabel": "if each column is a label of its own:",
}


def next_commands(path: Path, model: "onnx.ModelProto", *, fit: str, attach: str) -> list[str]:
    """The commands that lead to a model with a head, the first two with options of their own."""
    target = _Target(path, model)
    return [target.fit(fit), *target.attached("card.json" + attach)]


def host_commands(path: Path, model: "onnx.ModelProto", reading: "HostReading") -> list[str]:
    """What to do next with a host, lines of advice between the commands.

    Args:
        path: of the host.
        model: the host.
        reading: of it.
    """
    from logitconf_export.attachment.declarations import misdeclared

    if not reading.candidates:
        return [
            "no place for a head can be read; if you know a value that holds class scores, name "
            "it to fit and attach with --logits, and say with --kind what it holds"
        ]
    clear = [c for c in reading.candidates if c.certain and not c.per_position]
    first = next((c for c in reading.candidates if c.certain), reading.candidates[0])
    refused = [words for c in clear or [first] if (words := misdeclared(model.graph, c))]
    if refused:
        return [f"no head can be attached: {'; '.join(refused)}"]
    alone = next((c for c in clear or [first] if c.rank == 1 and c.class_axis == 0), None)
    if alone is not None:
        return [
            f"{alone.tensor} has no axis of rows, so fit and verify cannot run the model on "
            "several; export it with one"
        ]
    target = _Target(path, model)
    if len(clear) == 1:
        return _place_commands(target, clear[0], _axis(clear))
    if clear:
        return _several_commands(target, clear, named=len(clear) < len(reading.candidates))
    options = _name(first.tensor) + _doubled(first, reading) + _axis([first])
    lines = _place_commands(target, first, options)
    return ["if you know that one of these is right, name it:", *lines]


def attach_commands(
    host: Path, card: Path, data: Path, where: "LogitsLocation", *, per_member: bool = False
) -> list[str]:
    """How a card that was fitted on a model's own logits is attached to it, and verified.

    Args:
        host: the model.
        card: that was fitted.
        data: the rows that it was fitted on.
        where: the options that said where its logits are.
        per_member: whether they are those of an ensemble's members.
    """
    from logitconf_export.onnx_files.loading import load_model

    target = _Target(host, load_model(host))
    options = quoted(card) + location_options(where)
    if per_member and where.class_axis is None:
        options += " --class-axis 1"
    output = target.beside("out.onnx")
    return [target.attach(options, "out.onnx"), verify_command(output, data)]


def location_options(where: "LogitsLocation") -> str:
    """The options that say where logits are, as they were given."""
    tensor = "" if where.logits is None else _name(where.logits)
    kind = "" if where.kind is None else f" --kind {where.kind}"
    axis = "" if where.class_axis is None else f" --class-axis {where.class_axis}"
    return tensor + kind + axis


def verify_command(path: Path, data: Path | None = None) -> str:
    """How a model with heads is verified, on rows in a file if they are known."""
    return f"verify with: {_verify(path) if data is None else _verified(path, data)}"


def model_commands(path: Path, model: "onnx.ModelProto") -> list[str]:
    """What to do next with a host that has heads."""
    target = _Target(path, model)
    return [
        verify_command(path),
        f"detach with: logitconf detach {quoted(path)} -o {quoted(target.beside('bare.onnx'))}",
    ]


@dataclass(frozen=True, slots=True)
class _Target:
    """What the commands are about."""

    path: Path
    model: "onnx.ModelProto"

    def beside(self, name: str) -> Path:
        """Where to write a model that keeps weights in other files: to the folder they are in."""
        from logitconf_export.onnx_files.weights import weight_files

        return self.path.with_name(name) if weight_files(self.model) else Path(name)

    def fit(self, options: str, suffix: str = "") -> str:
        rows, card = f"val{suffix}.npz", f"card{suffix}.json"
        host = quoted(self.path)
        return f"fit with: logitconf fit --model {host} --data {rows} {options} -o {card}"

    def attach(self, options: str, name: str) -> str:
        output = quoted(self.beside(name))
        return f"attach with: logitconf attach {quoted(self.path)} {options} -o {output}"

    def attached(self, options: str, suffix: str = "") -> list[str]:
        """How to attach, and to verify what comes of it."""
        verify = _verify(self.beside("out.onnx"), suffix)
        return [self.attach(options, "out.onnx"), f"verify with: {verify}"]


def _place_commands(target: _Target, place: "Candidate", options: str) -> list[str]:
    lines = []
    # positions folded into the rows: which belong to which row of input, the model alone knows
    folded = place.batch_axis in place.position_axes
    if folded:
        lines.append(
            f"save what {place.tensor} holds, and a label for each of its rows, as 'logits' and "
            "'labels' of logits.npz:"
        )
    for task in _tasks(place):
        # a task that the graph tells is taken without a word
        lines += [] if place.task else [_MEANINGS[task]]
        if folded:
            kind = "" if place.kind == "logits" else f" --kind {place.kind}"
            arguments = f"logits.npz {_score(task)}{kind}"
            lines.append(f"fit with: logitconf fit {arguments} -o card.json")
        else:
            lines.append(target.fit(_score(task) + options))
    return [*lines, *target.attached("card.json" + options)]


def _name(tensor: str) -> str:
    """The option that names a place, whatever its name begins with."""
    between = "=" if tensor.startswith("-") else " "
    return f" --logits{between}{shlex.quote(tensor)}"


def _doubled(place: "Candidate", reading: "HostReading") -> str:
    """The kind, where a softmax is taken of probabilities: rows would refute that it is logits."""
    shown = getattr(reading.read(place.tensor), "output_kind", None)
    return "" if shown in (None, place.kind) else f" --kind {place.kind}"


def _several_commands(target: _Target, places: "Sequence[Candidate]", *, named: bool) -> list[str]:
    """A card for each place, fitted on labels of its own; or one decision of all places."""
    lines = ["fit a card for each place, on labels of its own:"]
    for count, place in enumerate(places, 1):
        task, *others = _tasks(place)
        if others:
            lines.append(f"(or with --task {' or '.join(others)})")
        lines.append(target.fit(_score(task) + _name(place.tensor) + _axis([place]), f"_{count}"))
    cards = " ".join(f"card_{count}.json" for count in range(1, len(places) + 1))
    names = "".join(_name(place.tensor) for place in places) if named else ""
    options = names + _axis(places)
    lines += target.attached(f"{cards}{options} --several each", "_1")
    tasks = {_tasks(place)[0] for place in places}
    if len(tasks) > 1:  # heads that decide together are of one task
        return lines
    joint = f"{_score(tasks.pop())} --threshold -0.9{options} --several joint"
    return [
        *lines,
        "or attach one score and threshold of your own to all places, for one decision:",
        target.attach(joint, "joint.onnx"),
    ]


def _tasks(place: "Candidate") -> list[str]:
    """What the place can be fitted for, the likeliest first."""
    from logitconf_export.hosts.candidates import TASKS, task_conflict

    if place.task is not None:
        return [place.task]
    # two columns of yes and no are two classes; one label alone is one logit
    left = {None: TASKS, 1: ("binary",)}.get(place.n_classes, ("multiclass", "multilabel"))
    return [t for t in TASKS if t in left and task_conflict(place, t) is None] or list(left)


def _score(task: str) -> str:
    """Options of the score to begin with; multiclass goes without saying."""
    return "--score softmax" + ("" if task == "multiclass" else f" --task {task}")


def _axis(places: "Sequence[Candidate]") -> str:
    """For values with an unknown number of axes: one row of classes, as their commonest shape."""
    return " --class-axis 1" if any(place.class_axis < 0 for place in places) else ""


def _verify(model: Path, suffix: str = "") -> str:
    return _verified(model, Path(f"val{suffix}.npz"))


def _verified(model: Path, data: Path) -> str:
    return f"logitconf verify {quoted(model)} --data {quoted(data)}"
