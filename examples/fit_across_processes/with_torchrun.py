"""Fits temperature and threshold on rows that are spread over processes, for example:

torchrun --nproc-per-node 2 examples/fit_across_processes/with_torchrun.py
"""

import os

import torch.distributed
from fit_on_chunks import CHUNKS, answer, fit_with, told

from logitconf.distributed.request import Request


def main() -> None:
    """Fits on this process' share of the chunks; every process makes the same card."""
    rank, processes = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if processes > 1:
        torch.distributed.init_process_group("gloo")

    def answers(request: Request) -> list[bytes]:
        own = answer(request, range(rank, CHUNKS, processes))
        if processes == 1:
            return [own]
        everyone = [b""] * processes
        torch.distributed.all_gather_object(everyone, own)
        return everyone

    card = fit_with(answers)
    if rank == 0:
        print(told(card))
    if processes > 1:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
