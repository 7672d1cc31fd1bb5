"""Fits temperature and threshold on rows that are spread over processes, for example:

torchrun --nproc-per-node 2 examples/fit_across_processes/with_torchrun.py
"""

import os

import torch
import torch.distributed
from fit_on_chunks import CHUNKS, Vector, fit_on


def add_up(vector: Vector) -> Vector:
    """The sum of the vectors of all processes."""
    total = torch.from_numpy(vector.copy())
    torch.distributed.all_reduce(total)
    return total.numpy()


def main() -> None:
    """Fits on this process' share of the chunks."""
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        torch.distributed.init_process_group("gloo")
    fitted = fit_on(range(rank, CHUNKS, processes), add_up if processes > 1 else None)
    if rank == 0:
        print(fitted)
    if processes > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
