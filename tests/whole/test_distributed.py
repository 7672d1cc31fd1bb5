"""Real processes, joined by gloo or by anything that adds up, fit what one process fits."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "fit_across_processes"
# torch is imported once; the processes are forked before it starts any thread
CODE = """
import os, socket, sys, warnings
sys.path.insert(0, sys.argv[1])
import with_torchrun

def join(rank, count):
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(count)}
    sys.stdout = open(f"{rank}-of-{count}.txt", "w")
    warnings.simplefilter("error")
    with_torchrun.main()
    sys.stdout.close()

for count in (1, 2, 4):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                join(rank, count)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    assert not any([os.waitpid(child, 0)[1] for child in children]), count
"""


def test_two_and_four_processes_find_what_one_finds_to_the_last_bit(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CODE, str(EXAMPLES)],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    said = {path.stem: path.read_text() for path in tmp_path.glob("*.txt")}
    assert len(said) == 7
    assert said["0-of-1"] == said["0-of-2"] == said["0-of-4"]
    assert said["0-of-1"].startswith("temperature 0x1.")
    assert "threshold -0x1." in said["0-of-1"]
    assert "risk below 30 %, 99 % sure: " in said["0-of-1"]
    assert [said[name] for name in said if not name.startswith("0")] == [""] * 4


def test_answers_in_any_order_of_any_shares_make_the_same_card(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = import_module("fit_on_chunks")
    alone = example.fit_with(lambda request: [example.answer(request, range(8))])
    for shares in ([range(0, 8, 2), range(1, 8, 2)], [[7], [3, 0], [], [1, 2, 6, 5, 4]]):

        def answers(request: object, own: Any = shares) -> list[bytes]:
            return [example.answer(request, share) for share in own]

        card = example.fit_with(answers)
        assert card.to_json() == alone.to_json()
