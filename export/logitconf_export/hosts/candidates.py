"""What was read from a host: candidates for the head's place, refusals, and the choice of one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from logitconf.errors import LogitconfError, not_among
from logitconf.notebook.brief import brief
from logitconf.notebook.html import table
from logitconf_export.hosts.graph.facts import TensorFacts, short
from logitconf_export.onnx_files.element_types import FLOAT_WORDS

Kind = Literal["logits", "probabilities", "log-probabilities"]
Task = Literal["multiclass", "binary", "multilabel"]
Family = Literal["categorical", "bernoulli"]

Word = TypeVar("Word", bound=str)

KINDS: tuple[Kind, ...] = ("logits", "probabilities", "log-probabilities")
TASKS: tuple[Task, ...] = ("multiclass", "binary", "multilabel")

_MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place in a host where a head can be attached.

    Attributes:
        tensor: the value that the head reads.
        kind: what that value holds.
        task: what its rows decide, None where the graph cannot tell.
        n_classes: classes or labels; 1 for one-logit binary; None where the graph does not say.
        class_axis: axis of the classes in ``tensor``, from the front; equal to ``rank`` where there
            is none and every element is one binary logit; negative only where ``rank`` is unknown.
        rank: number of axes of ``tensor``.
        dtype: ``"float16"``, ``"bfloat16"``, ``"float32"`` or ``"float64"``.
        output: the graph output that shows it best.
        certain: whether the structure leaves no doubt.
        reason: the evidence, a sentence without the full stop.
        family: classes that compete, labels that do not, None where the graph cannot say.
        outputs: every graph output that shows it.
        output_kind: what ``output`` itself holds, None where it holds labels or chosen columns.
        output_axis: axis of the classes in ``output``.
        batch_axis: axis of the rows, None if the value has none or it is not known.
        position_axes: axes besides batch and classes: time, height, width, anchors.
        quantized: whether quantisation nodes touch ``tensor``, so that an added consumer may keep a
            runtime from fusing them and change the host's outputs.
        unfused: where it would, the value before quantisation, on which a head changes nothing.
    """

    tensor: str
    kind: Kind
    task: Task | None
    n_classes: int | None
    class_axis: int
    rank: int | None
    dtype: str
    output: str
    certain: bool
    reason: str
    family: Family | None = None
    outputs: tuple[str, ...] = ()
    output_kind: Kind | None = None
    output_axis: int | None = None
    batch_axis: int | None = None
    position_axes: tuple[int, ...] = ()
    quantized: bool = False
    unfused: str | None = None

    __repr__ = brief

    @property
    def per_position(self) -> bool:
        """Whether there would be one score for each position, as with CTC and segmentation."""
        return bool(self.position_axes)

    def __str__(self) -> str:
        count = "? classes" if self.n_classes is None else f"{self.n_classes} classes"
        place = f"axis {self.class_axis}"
        doubt = "" if self.certain else ", not certain"
        positions = ", one score a position" if self.per_position else ""
        return (
            f"{short(self.tensor)}: {self.kind}, {self.task or 'task unknown'}, {count} on {place}"
            f"{positions}{doubt} (output {short(self.output)}: {self.reason})"
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """A graph output that has no reading, and why.

    Attributes:
        output: the output's name.
        reason: a sentence without the full stop.
    """

    output: str
    reason: str

    def __str__(self) -> str:
        return f"{short(self.output)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class HostReading:
    """What was read from a host model.

    Attributes:
        candidates: the places where a head can go, in the order of the outputs.
        refused: the outputs that have none.
        notes: what a reader should know besides.
        values: type and shape of every value, for places named explicitly.
        read: what any value of the graph holds, as if it were an output.
    """

    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    values: Mapping[str, TensorFacts] = field(default_factory=dict, repr=False, compare=False)
    read: Callable[[str], Candidate | Refusal] = field(
        default=lambda name: Refusal(name, "its graph is not at hand"), repr=False, compare=False
    )

    __repr__ = brief

    def _repr_html_(self) -> str:
        """The places, and the outputs that have none, as a table."""
        rows = [*(("place", c) for c in self.candidates), *(("none", r) for r in self.refused)]
        return table(rows, "where a head could go")

    @property
    def chosen(self) -> Candidate | None:
        """The one certain candidate with one score a row; None if there is none or several."""
        clear = [c for c in self.candidates if c.certain and not c.per_position]
        return clear[0] if len(clear) == 1 else None

    def choose(
        self,
        logits: str | None = None,
        kind: str | None = None,
        task: str | None = None,
        *,
        class_axis: int | None = None,
    ) -> Candidate:
        """The candidate to use: the one that is certain, or the one asked for.

        Args:
            logits: name of a value or output; it wins over the reading, unless the two contradict.
            kind: what that value holds.
            task: the fitted score's task; needed where the graph cannot tell.
            class_axis: axis of the classes, where the reading has it wrong or does not know it.

        Raises:
            LogitconfError: if nothing is certain, several are, or the request contradicts them.
        """
        wanted_kind = _one_of(kind, KINDS, "kind")
        wanted_task = _one_of(task, TASKS, "task")
        if logits is None:
            pool = [c for c in self.candidates if c.certain and not c.per_position]
            if wanted_kind is not None:
                pool = [c for c in pool if c.kind == wanted_kind]
            if wanted_task is not None:
                fits = [c for c in pool if task_conflict(c, wanted_task) is None]
                if pool and not fits:
                    raise LogitconfError("; ".join(_misfit(c, wanted_task) for c in pool[:3]))
                pool = fits
            if len(pool) != 1:
                raise LogitconfError(self._undecided(len(pool)))
            chosen = pool[0]
        else:
            chosen = self._named(logits, wanted_kind, class_axis)
        if class_axis is not None:
            chosen = _moved(chosen, class_axis, self.values)
        if chosen.class_axis < 0:
            raise LogitconfError(
                f"the graph does not say how many axes {short(chosen.tensor)} has; say on which, "
                "counted from the front, its classes are: class_axis=1 (--class-axis 1) for one "
                "row of them each"
            )
        return _with_task(chosen, wanted_task)

    def all_certain(self) -> tuple[Candidate, ...]:
        """Every candidate, for a head on each of them.

        Raises:
            LogitconfError: if one is not certain or has a score a position, so that the choice is
                the user's.
        """
        doubtful = [c for c in self.candidates if not c.certain or c.per_position]
        if doubtful:
            raise LogitconfError(
                "not every place certainly holds one row of class logits for each input; name "
                f"those to attach to:\n{self.listing()}"
            )
        return self.candidates

    def listing(self) -> str:
        """Candidates and refusals, one a line."""
        lines = [f"  {c}" for c in self.candidates[:_MOST_LISTED]]
        lines += [f"  refused {r}" for r in self.refused[:_MOST_LISTED]]
        left = sum(max(len(part) - _MOST_LISTED, 0) for part in (self.candidates, self.refused))
        if left:
            lines.append(f"  and {left} more")
        return "\n".join(lines)

    def _undecided(self, count: int) -> str:
        what = (
            "no place in the model certainly holds one row of class logits for each input"
            if count == 0
            else f"{count} places in the model hold logits"
        )
        advice = "; name one with logits=... (--logits)"
        if not self.candidates:
            advice = "; if you know a value that does, name it and its kind with logits=... and "
            advice += "kind=... (--logits, --kind)"
        if count > 1:
            advice += ", or attach to all of them with several=... (--several)"
        return f"{what}{advice}:\n{self.listing()}"

    def _named(self, name: str, kind: Kind | None, class_axis: int | None) -> Candidate:
        here = [c for c in self.candidates if c.tensor == name]
        shown = [c for c in self.candidates if name in c.outputs]
        for candidate in here:
            if kind in (None, candidate.kind):
                return candidate
        for candidate in shown:
            if kind in (None, candidate.kind):
                return candidate
            if candidate.output == name and candidate.output_kind == kind:
                return _at_output(candidate, self.values, class_axis)
        if here or shown:
            place = (here or shown)[0]
            holds = place.kind if here else (place.output_kind or "labels")
            raise LogitconfError(
                f"{short(name)} holds {holds}, not {kind} ({place.reason}); give its own kind"
            )
        return self._elsewhere(name, kind, class_axis)

    def _elsewhere(self, name: str, kind: Kind | None, class_axis: int | None) -> Candidate:
        """A value that no output shows, or an output without a reading.

        Naming says where, not what: the graph is read there too, and what the caller says besides
        counts where the graph leaves it open.
        """
        facts = self.values.get(name)
        if facts is None:
            raise LogitconfError(f"the model has no value {short(name)}:\n{self.listing()}")
        if facts.dtype not in (0, *FLOAT_WORDS):
            raise LogitconfError(f"{short(name)} must hold floating-point numbers, but does not")
        place = self.read(name)
        if isinstance(place, Refusal) or place.output_kind is None:
            if kind is None:
                raise LogitconfError(
                    f"{short(name)} cannot be read: {place.reason}; say its kind if you know better"
                )
        elif place.family and place.certain and _contradict(kind, place.output_kind):
            raise LogitconfError(
                f"{short(name)} holds {place.output_kind}, not {kind} ({place.reason}); "
                f"give its own kind, or name {short(place.tensor)}"
            )
        elif place.family is not None:
            chosen = _at_output(place, self.values, class_axis)
            return replace(chosen, kind=kind or chosen.kind)
        rank = facts.rank
        if rank != 2 and class_axis is None:
            raise LogitconfError(
                f"{short(name)} has {'an unknown number of' if rank is None else rank} axes; "
                "say which one holds the classes"
            )
        axis = 1 if class_axis is None else class_axis
        kind = kind or "logits"
        return Candidate(
            tensor=name, kind=kind, task=None, n_classes=facts.size(axis), class_axis=axis,
            rank=rank, dtype=FLOAT_WORDS.get(facts.dtype, "float32"), output=name, certain=False,
            reason="named explicitly", outputs=(name,), output_kind=kind, output_axis=axis,
            batch_axis=0, position_axes=position_axes(facts, axis, 0),
        )  # fmt: skip


def _contradict(claimed: Kind | None, read: Kind) -> bool:
    """Whether a value of one kind cannot be called another; log-probabilities are logits too."""
    return claimed not in (None, read) and (claimed, read) != ("logits", "log-probabilities")


def task_conflict(candidate: Candidate, task: Task) -> str | None:
    """Why the candidate cannot serve the task, None if it can."""
    columns = candidate.n_classes
    family = {"multiclass": "categorical", "multilabel": "bernoulli"}.get(task)
    if task == "binary" and columns in (1, 2):
        # One logit is a label of its own; two logits are classes that compete.
        family = "bernoulli" if columns == 1 else "categorical"
    if task == "multiclass" and columns == 1:
        return "one column has no classes that compete"
    told = candidate.task is not None or candidate.family is None
    if task == "binary" and columns is not None and columns > 2 and told:
        return f"it has {columns} columns, and binary logits have one or two"
    if family is not None and candidate.family not in (None, family):
        words = {"categorical": "classes that compete", "bernoulli": "labels that do not compete"}
        return f"its columns are {words[str(candidate.family)]}"
    return None


def position_axes(
    facts: TensorFacts, class_axis: int | None, batch_axis: int | None
) -> tuple[int, ...]:
    """The axes besides batch and classes that are not known to have size 1."""
    if facts.shape is None or class_axis is None:
        return ()
    axis = class_axis + len(facts.shape) if class_axis < 0 else class_axis
    return tuple(
        k for k, size in enumerate(facts.shape) if k not in (axis, batch_axis) and size != 1
    )


def _with_task(candidate: Candidate, task: Task | None) -> Candidate:
    if task is None:
        if candidate.task is None:
            raise LogitconfError(
                f"the graph cannot tell the task of {short(candidate.tensor)} "
                f"({candidate.reason}); say which of {list(TASKS)} it is"
            )
        return candidate
    conflict = task_conflict(candidate, task)
    if conflict is not None:
        raise LogitconfError(_misfit(candidate, task))
    n_classes = candidate.n_classes
    if task == "binary" and n_classes is None and candidate.family is not None:
        # A sigmoid is one logit, a softmax two, also where the graph does not count the columns.
        n_classes = 1 if candidate.family == "bernoulli" else 2
    return replace(candidate, task=task, n_classes=n_classes)


def _misfit(candidate: Candidate, task: Task) -> str:
    return (
        f"{short(candidate.tensor)} cannot hold {task} {candidate.kind}: "
        f"{task_conflict(candidate, task)} ({candidate.reason}); fit with another task= (--task)"
    )


def _at_output(
    candidate: Candidate, values: Mapping[str, TensorFacts], class_axis: int | None
) -> Candidate:
    facts = values.get(candidate.output, TensorFacts())
    axis = candidate.output_axis if candidate.output_axis is not None else class_axis
    if candidate.output_kind is None or axis is None:
        raise LogitconfError(
            f"the class axis of {short(candidate.output)} is not known; say which one it is"
        )
    return replace(
        candidate,
        tensor=candidate.output,
        kind=candidate.output_kind,
        class_axis=axis,
        rank=facts.rank,
        dtype=FLOAT_WORDS.get(facts.dtype, candidate.dtype),
        position_axes=position_axes(facts, axis, candidate.batch_axis),
    )


def _moved(candidate: Candidate, class_axis: int, values: Mapping[str, TensorFacts]) -> Candidate:
    rank = candidate.rank
    if rank is not None and not -rank <= class_axis <= rank:
        raise LogitconfError(
            f"class_axis must be in {-rank}..{rank} for {short(candidate.tensor)}, got {class_axis}"
        )
    axis = class_axis + rank if rank is not None and class_axis < 0 else class_axis
    if rank is None and candidate.class_axis < 0 <= axis:
        # The caller says how many axes there are.
        rank = axis - candidate.class_axis
        positions = tuple(k for k in range(rank) if k not in (axis, candidate.batch_axis))
        return replace(candidate, class_axis=axis, rank=rank, position_axes=positions)
    if axis == candidate.class_axis:
        return candidate
    if candidate.family == "categorical" and candidate.certain:
        raise LogitconfError(
            f"the classes of {short(candidate.tensor)} are on axis {candidate.class_axis}, "
            f"got class_axis {class_axis} ({candidate.reason})"
        )
    facts = values.get(candidate.tensor, TensorFacts())
    count = 1 if axis == rank else facts.size(axis)
    return replace(
        candidate,
        class_axis=axis,
        n_classes=count,
        task=None,
        position_axes=position_axes(facts, axis, candidate.batch_axis),
    )


def _one_of(value: str | None, words: Sequence[Word], what: str) -> Word | None:
    if value is None:
        return None
    for word in words:
        if word == value:
            return word
    # loaded for an error alone
    from logitconf.kinds import KIND_SYNONYMS

    raise not_among(what, value, words, KIND_SYNONYMS)
