"""Four real processes, joined by gloo, fit what one process fits."""

import os
import socket
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fit_across_processes.py"


def printed_by(processes: int) -> str:
    """What the first of so many processes prints; torchrun sets the same variables."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    common |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(EXAMPLE)],
            env={**common, "RANK": str(rank), "WORLD_SIZE": str(processes)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]
    ends = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * processes, ends
    assert all(out == "" for out, _ in ends[1:])
    return ends[0][0]


def test_four_processes_find_temperature_and_threshold_of_one_to_the_last_bit() -> None:
    together = printed_by(4)
    assert together == printed_by(1)
    assert together.startswith("temperature 0x1.")
    assert "threshold -0x1." in together
