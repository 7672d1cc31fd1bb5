"""Operations of another provider of onnxruntime than the CPU's."""

from types import TracebackType
from typing import Any

import numpy as np
import pytest

from logitconf_export.proof.tables import providers
from logitconf_export.proof.tables.evaluators import Operation, RefusedError, RuntimeEvaluator
from logitconf_export.proof.tables.providers import OnProvider
from logitconf_export.runtimes.sessions import Session

HERE, GPU = "CPUExecutionProvider", "CUDAExecutionProvider"


def evaluator() -> RuntimeEvaluator:
    return RuntimeEvaluator("onnxruntime", "1", OnProvider("cpu"), "cpu")


def test_a_session_stays_open_for_the_next_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Counted(Session):
        def __init__(self, *given: Any, **named: Any) -> None:
            opened.append(named["provider"])
            super().__init__(*given, **named)

    monkeypatch.setattr(providers, "Session", Counted)
    on = evaluator()
    x = np.linspace(1.0, 2.0, 450, dtype=np.float32)
    for _ in range(3):
        assert (on.compute_short(Operation("Reciprocal"), (x,), 1) == 1.0 / x).all()
    (results,) = on.compute(Operation("Neg"), [(x,)])
    assert (results == -x).all()
    assert opened == ["cpu", "cpu"]


@pytest.mark.parametrize("ran", [{"a": GPU, "b": HERE}, {"a": HERE}, {}], ids=str)
def test_a_node_that_ran_elsewhere_is_not_taken_for_the_providers(
    monkeypatch: pytest.MonkeyPatch, ran: dict[str, str]
) -> None:
    class Falling:
        """A session that asked for a GPU."""

        provider = GPU

        def __init__(self, *_: object, **__: object) -> None: ...

        def run(self, *_: object) -> list[Any]:
            return [np.ones(3, np.float32)]

        def ran(self) -> dict[str, str]:
            return ran

        def __enter__(self) -> "Falling":
            return self

        def __exit__(
            self,
            kind: type[BaseException] | None,
            error: BaseException | None,
            trace: TracebackType | None,
        ) -> None: ...

    monkeypatch.setattr(providers, "Session", Falling)
    for _ in range(2):
        with pytest.raises(RefusedError, match=f"every node must run on {GPU}"):
            evaluator().compute(Operation("Exp"), [(np.ones(3, np.float32),)])
