"""Runs a folder of jobs in whatever onnxruntime this interpreter has; needs NumPy and no more.

Usage: python python_runner.py FOLDER. Prints the version, then one JSON line a job.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def main(folder: Path) -> None:
    """Runs every job of ``jobs.json`` and writes its outputs beside it."""
    print(json.dumps({"version": onnxruntime.__version__}), flush=True)
    sessions: dict[str, onnxruntime.InferenceSession] = {}
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    for index, job in enumerate(json.loads((folder / "jobs.json").read_text())):
        try:
            name = job["model"]
            if name not in sessions:
                sessions[name] = onnxruntime.InferenceSession(
                    str(folder / name), settings, providers=["CPUExecutionProvider"]
                )
            feeds = {
                entry["name"]: np.fromfile(folder / entry["file"], entry["dtype"]).reshape(
                    entry["shape"]
                )
                for entry in job["inputs"]
            }
            values = sessions[name].run(job["outputs"], feeds)
        # alone in another interpreter: whatever goes wrong is reported, and the parent fails on it
        except Exception as error:
            print(json.dumps({"error": str(error)[:500]}), flush=True)
            continue
        described = []
        for place, value in enumerate(values):
            np.ascontiguousarray(value).tofile(folder / f"{index}.out{place}.bin")
            described.append({"dtype": str(value.dtype), "shape": list(value.shape)})
        print(json.dumps({"outputs": described}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
