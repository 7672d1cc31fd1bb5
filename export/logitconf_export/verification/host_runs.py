"""A host with a head, run as it is, with its logits fetched, and without the head."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from logitconf.errors import LogitconfError
from logitconf_export.attachment.detaching import detach
from logitconf_export.heads.in_file import EmbeddedHead
from logitconf_export.onnx_files.element_types import FLOAT_WORDS, RUNTIME_WORDS
from logitconf_export.onnx_files.loading import host_inputs
from logitconf_export.onnx_files.types import Array
from logitconf_export.runtimes.feeds import Chunk, HostFeeds, joined_each
from logitconf_export.runtimes.host_runs import with_output
from logitconf_export.runtimes.sessions import Session
from logitconf_export.verification.batches import MOST_HOST_ROWS, apart

_MOST_NUMBERS = 2**27
"""Made-up inputs stay below a gigabyte."""
MOST_IN_PART = 1024
"""Where not all rows are to run: so many, from first to last."""
_ROWS_ALIKE = 256
"""Rows that must come out alike before two sessions of the same nodes are taken for one graph."""
_FREE_SIZE = 4
_OTHER_SIZES = (32, 224)
"""Free sizes that are tried where the host refuses 4, as too small for its windows."""


@dataclass(frozen=True, slots=True)
class HostRun:
    """What came out of a host.

    Attributes:
        runtime: name and version.
        logits: what its head read.
        score: the head's score.
        mask: the head's mask.
        further: what else the head gives, by the names of its form.
        own_outputs: how many outputs of its own the host has.
        changed_outputs: those of them that differ without the head.
        ran: provider of every node.
        notes: what should be known of the run.
    """

    runtime: str
    logits: Array
    score: Array
    mask: Array
    further: Mapping[str, Array]
    own_outputs: int
    changed_outputs: tuple[str, ...]
    ran: Mapping[str, str]
    notes: tuple[str, ...]


class HostOnTrial:
    """A host, and the feeds that it is tried on.

    Attributes:
        feeds: rows for its inputs; None if none were given and none could be made.
        note: why there are none, or that they were made.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        embedded: EmbeddedHead,
        folder: Path | None,
        feeds: Mapping[str, Array] | None,
        seed: int,
    ) -> None:
        self._model, self._embedded, self._folder, self._seed = model, embedded, folder, seed
        self._plain = detach(model)
        self.note = ""
        self.feeds: HostFeeds | None
        self._sizes: tuple[int, ...] = ()
        if feeds is None:
            self._make_up()
            self._sizes = _OTHER_SIZES
        else:
            self.feeds = HostFeeds.of(self._plain, checked_feeds(feeds, self._plain))

    def load(self, provider: str, optimisation: str) -> None:
        """Loads the host without running it.

        Raises:
            LogitconfError: if the runtime refuses it.
        """
        with self._session(self._model, provider, optimisation, profile=False):
            pass

    def run(self, provider: str, optimisation: str, *, whole: bool = True) -> HostRun:
        """Runs the host three ways; made-up inputs of other free sizes are tried where it fails.

        Args:
            provider: short name.
            optimisation: the level.
            whole: whether all rows run, or at most 1024 of them, spread over all.

        Raises:
            LogitconfError: if the runtime refuses one of them.
        """
        if self._sizes:
            self.load(provider, optimisation)
        while True:
            feeds = self.feeds or HostFeeds.whole({})
            part = feeds if whole else feeds.spread(MOST_IN_PART)
            try:
                made = self._run(provider, optimisation, part)
                if part is feeds:
                    return made
                note = (
                    f"on {provider}, optimisation {optimisation}, {part.rows} of {feeds.rows:,} "
                    "rows ran through the host, and all of them at the last level"
                )
                return replace(made, notes=(*made.notes, note))
            except LogitconfError:
                if not self._sizes:
                    raise
                size, *rest = self._sizes
                self._sizes = tuple(rest)
                self._make_up(size)

    def _make_up(self, size: int = _FREE_SIZE) -> None:
        made, self.note = generated_feeds(self._plain, self._seed, size)
        self.feeds = None if made is None else HostFeeds.whole(made)

    def apart(self, provider: str, optimisation: str) -> tuple[str, ...]:
        """In words, what other rows of its batch do to a row.

        Raises:
            LogitconfError: if the runtime refuses the host.
        """
        with self._session(self._model, provider, optimisation, profile=False) as session:
            few = {} if self.feeds is None else self.feeds.few(MOST_HOST_ROWS)
            return apart(session, few, self._embedded.outputs[:2])

    def _run(self, provider: str, optimisation: str, feeds: HostFeeds) -> HostRun:
        own = [value.name for value in self._plain.graph.output]
        names, tensor = self._embedded.outputs, self._embedded.widened
        changed: set[str] = set()
        as_is, fetched = [], []
        with ExitStack() as stack:
            sessions = self._sessions(stack, provider, optimisation)
            # all on the same cut, so that no more than one run's outputs are kept
            for start in feeds.starts:
                chunk = feeds.chunk(start)
                answer = sessions.run(chunk)
                as_is.append((chunk, answer.decided))
                fetched.append((chunk, answer.fetched))
                pairs = zip(own, answer.with_head, answer.without, strict=True)
                changed |= {name for name, left, right in pairs if not identical(left, right)}
        logits, *read = joined_each(fetched, (tensor, *names))
        notes = []
        if not sessions.alike:
            off = _largest_change(joined_each(as_is, names)[0], read[0])
            notes.append(
                f"fetching '{tensor}' changes what the host computes on {provider}, optimisation "
                f"{optimisation}: the score by up to {off:.3g}"
            )
        return HostRun(
            runtime=f"onnxruntime {sessions.headed.version}",
            logits=logits,
            score=read[0],
            mask=read[1],
            further=dict(zip(self._embedded.metadata.form.outputs[2:], read[2:], strict=True)),
            own_outputs=len(own),
            changed_outputs=tuple(name for name in own if name in changed),
            ran=sessions.ran,
            notes=tuple(notes),
        )

    def _sessions(self, stack: ExitStack, provider: str, optimisation: str) -> "_SideBySide":
        def opened(model: onnx.ModelProto, *, profile: bool) -> Session:
            made = self._session(model, provider, optimisation, profile=profile)
            return stack.enter_context(made)

        own = tuple(value.name for value in self._plain.graph.output)
        tensor = self._embedded.widened
        headed = opened(self._model, profile=True)
        plain = opened(self._plain, profile=False)
        # where the host hands out what the head reads, nothing changes as it is fetched
        shown = tensor in own
        exposed = None if shown else opened(with_output(self._model, tensor), profile=True)
        return _SideBySide(headed, plain, exposed, own, tensor, self._embedded.outputs)

    def _session(
        self, model: onnx.ModelProto, provider: str, optimisation: str, *, profile: bool
    ) -> Session:
        return Session(
            model,
            provider=provider,
            optimisation=optimisation,
            strict=False,
            folder=self._folder,
            profile=profile,
        )


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the sessions of a host say of one cut of the rows.

    Attributes:
        with_head: the host's own outputs.
        without: the same of the host without its head.
        decided: the head's outputs.
        fetched: what the head read, and its outputs where that was handed out.
    """

    with_head: list[Any]
    without: list[Any]
    decided: list[Any]
    fetched: list[Any]


@dataclass(slots=True)
class _SideBySide:
    """A host in sessions side by side: as it is, without its head, with its logits fetched.

    Fetching a value can keep the runtime from fusing it away. Where it made the same nodes of both,
    and nothing came out otherwise in 256 rows, the two are one graph: all other rows run in the
    session that hands out more.

    Attributes:
        headed: the file as it is.
        plain: without its head.
        exposed: with what the head reads as one more output; None where it is one already.
        own: the host's own outputs.
        tensor: what the head reads.
        outputs: the head's.
        ran: provider of every node of the file as it is.
        alike: whether the head decides alike, bit for bit, where its logits are fetched.
    """

    headed: Session
    plain: Session
    exposed: Session | None
    own: tuple[str, ...]
    tensor: str
    outputs: tuple[str, ...]
    ran: Mapping[str, str] = field(default_factory=dict)
    alike: bool = True
    _rows: int = 0
    _one_graph: bool = False

    def run(self, chunk: Chunk) -> _Answer:
        """All sessions on the same rows.

        Raises:
            LogitconfError: if the runtime refuses one of them.
        """
        count, exposed = len(self.own), self.exposed
        without = self.plain.run(chunk.feeds, self.own)
        values = []
        if exposed is not None:
            values = exposed.run(chunk.feeds, [*self.own, self.tensor, *self.outputs])
            if self._one_graph and self._rows >= _ROWS_ALIKE:
                return _Answer(values[:count], without, values[count + 1 :], values[count:])
        answers = self.headed.run(chunk.feeds, [*self.own, *self.outputs])
        with_head, decided = answers[:count], answers[count:]
        if not self._rows:
            # Where a node runs is settled as the session is made, and a profile grows by a
            # kilobyte for each node and run; onnxruntime ends it after a million events.
            self.ran = self.headed.ran()
            self._one_graph = exposed is not None and self._of_same_nodes(exposed)
        self._rows += chunk.rows
        if exposed is None:
            logits = with_head[self.own.index(self.tensor)]
            return _Answer(with_head, without, decided, [logits, *decided])
        self.alike &= all(map(identical, decided, values[count + 1 :]))
        self._one_graph &= self.alike and all(map(identical, with_head, values[:count]))
        return _Answer(with_head, without, decided, values[count:])

    def _of_same_nodes(self, exposed: Session) -> bool:
        return exposed.ran() == self.ran and exposed.operators() == self.headed.operators()


def checked_feeds(feeds: Mapping[str, Array], host: onnx.ModelProto) -> Mapping[str, Array]:
    """The feeds, if they name every input of the host and no others.

    Raises:
        LogitconfError: if they do not.
    """
    known = [value.name for value in host.graph.input]
    needed = [value.name for value in host_inputs(host)]
    missing = [name for name in needed if name not in feeds]
    unknown = [name for name in feeds if name not in known]
    if missing or unknown:
        raise LogitconfError(f"feeds must name the host's inputs {needed}, got {list(feeds)}")
    return dict(feeds)


def identical(left: Any, right: Any) -> bool:
    """Whether two outputs are the same bit for bit; a NaN equals any NaN.

    Sequences and maps (as classical models give) are compared item by item.
    """
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        if left.dtype.kind != "f":
            return bool(np.array_equal(left, right))
        if left.tobytes() == right.tobytes():
            return True
        same = (left == right) & (np.signbit(left) == np.signbit(right))
        return bool(np.all(same | (np.isnan(left) & np.isnan(right))))
    if isinstance(left, list) and isinstance(right, list):
        pairs = zip(left, right, strict=False)
        return len(left) == len(right) and all(identical(a, b) for a, b in pairs)
    return bool(left == right)


def _largest_change(left: Array, right: Array) -> float:
    if left.shape != right.shape:
        return float("inf")
    with np.errstate(invalid="ignore"):
        off = np.abs(left.astype(np.float64) - right.astype(np.float64))
    return float(np.nan_to_num(off, nan=0.0).max(initial=0.0))


def generated_feeds(
    host: onnx.ModelProto, seed: int, size: int = _FREE_SIZE
) -> tuple[dict[str, Array] | None, str]:
    """Normal random inputs for a host whose inputs are all floats, and a note about them.

    Args:
        host: without its head.
        seed: of the numbers.
        size: of free axes other than the batch.
    """
    random = np.random.default_rng(seed)
    inputs = host_inputs(host)
    batches = {
        value.type.tensor_type.shape.dim[0].dim_param
        for value in inputs
        if value.type.tensor_type.shape.dim
    }
    feeds: dict[str, Array] = {}
    for value in inputs:
        tensor = value.type.tensor_type
        dtype = FLOAT_WORDS.get(tensor.elem_type, "bfloat16")
        if dtype == "bfloat16" or not tensor.HasField("shape"):
            why = "is no float tensor" if dtype == "bfloat16" else "has no declared shape"
            return None, (
                f"the host was not run: its input '{value.name}' {why}, so none was made up; "
                "pass feeds"
            )
        shape = [
            dim.dim_value
            if dim.dim_value > 0
            else _FREE_SIZE
            if axis == 0 or dim.dim_param in batches - {""}
            else size
            for axis, dim in enumerate(tensor.shape.dim)
        ]
        if math.prod(shape) > _MOST_NUMBERS:
            return None, (
                f"the host was not run: its input '{value.name}' has the dims {shape}, so none was "
                "made up; pass feeds"
            )
        feeds[value.name] = random.standard_normal(shape).astype(dtype)
    if not feeds:
        return None, "the host was not run: it has no inputs"
    return feeds, (
        "the host ran on made-up inputs only; pass feeds=... (--data) to check it on real ones"
    )


def host_logits_dtype(model: onnx.ModelProto, head: EmbeddedHead, folder: Path | None) -> str:
    """Floating dtype of the value that the head reads, as onnxruntime infers it.

    Raises:
        LogitconfError: if the model cannot be loaded, or the value is no float.
    """
    exposed = with_output(model, head.tensor)
    with Session(exposed, strict=False, folder=folder, profile=False) as session:
        kind = session.output_types[head.tensor]
    if kind not in RUNTIME_WORDS:
        raise LogitconfError(f"the head must read a float tensor, but '{head.tensor}' is {kind}")
    return RUNTIME_WORDS[kind]
