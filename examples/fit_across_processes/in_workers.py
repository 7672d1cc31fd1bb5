"""Fits in workers that know nothing of torch.distributed: here processes, elsewhere Ray or Spark.

Run it with: python examples/fit_across_processes/in_workers.py

Every worker runs the whole fit on its own chunks. All that it asks of the others is a function that
adds a vector of float64 up over all workers; they call it equally often, so each waits for the
rest. Summed in one order, the result is the same everywhere. Here the parent adds.

With Spark, the tasks of a barrier stage gather one another's vectors and add them up themselves:

    def task(numbers):
        context = BarrierTaskContext.get()
        def together(vector):
            texts = context.allGather(base64.b64encode(vector.tobytes()).decode())
            return sum(np.frombuffer(base64.b64decode(text)) for text in texts)
        yield fit_on(list(numbers), together)
    chunks = spark.sparkContext.parallelize(range(CHUNKS), 4)
    fitted = chunks.barrier().mapPartitions(task).collect()

With Ray, an actor adds (`Adder` below), and tasks wait for it; give each a processor of its own:

    adder = ray.remote(Adder).remote(4)
    task = ray.remote(lambda worker: fit_on(range(worker, CHUNKS, 4),
                                            lambda v: ray.get(adder.add.remote(worker, v))))
    fitted = ray.get([task.remote(worker) for worker in range(4)])
"""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection

import numpy as np
from fit_on_chunks import CHUNKS, Vector, fit_on

WORKERS = 2


class Adder:
    """Adds the vectors of all workers up, in the order of the workers; each awaits the last."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.vectors: dict[int, Vector] = {}
        self.total: asyncio.Future[Vector] | None = None

    async def add(self, worker: int, vector: Vector) -> Vector:
        """The sum of this pass' vectors."""
        if self.total is None:
            self.total = asyncio.get_running_loop().create_future()
        total, self.vectors[worker] = self.total, vector
        if len(self.vectors) == self.workers:
            total.set_result(np.sum([self.vectors[w] for w in range(self.workers)], axis=0))
            self.vectors, self.total = {}, None
        return await total


def work(worker: int, parent: Connection) -> None:
    """Sends a vector and gets the sum, pass by pass, and at last sends what it fitted."""

    def together(vector: Vector) -> Vector:
        parent.send(vector)
        return np.asarray(parent.recv())

    parent.send(fit_on(range(worker, CHUNKS, WORKERS), together))


def main() -> None:
    """Starts the workers and adds up what they send."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(WORKERS)]
    workers = [
        context.Process(target=work, args=(worker, theirs))
        for worker, (_, theirs) in enumerate(pipes)
    ]
    for process, (_, theirs) in zip(workers, pipes, strict=True):
        process.start()
        theirs.close()  # so that a worker that dies is noticed
    while True:
        fitted = [ours.recv() for ours, _ in pipes]
        if isinstance(fitted[0], str):
            break
        total = np.sum(fitted, axis=0)
        for ours, _ in pipes:
            ours.send(total)
    print(fitted[0])
    print(f"every worker fitted the same: {len(set(fitted)) == 1}")
    for process in workers:
        process.join()


if __name__ == "__main__":
    main()
