"""Log a model with a head to MLflow, load it, serve it, and find score and mask in every answer.

Run it with: python examples/mlflow_model/mlflow_model.py MODEL_FOLDER NEW_FOLDER
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import onnx
from mlflow.models import infer_signature


def logged(model: onnx.ModelProto, pixels: Any, store: Path) -> str:
    """Where MLflow keeps the model that was logged."""
    mlflow.set_tracking_uri(f"sqlite:///{store.resolve()}/mlflow.db")
    mlflow.create_experiment("digits", artifact_location=f"{store.resolve().as_uri()}/artifacts")
    mlflow.set_experiment("digits")
    with mlflow.start_run():
        info = mlflow.onnx.log_model(
            model,
            name="digits",
            signature=infer_signature({"pixels": pixels}),
            pip_requirements=["onnx", "onnxruntime"],
        )
    return str(info.model_uri)


def served(uri: str, pixels: Any) -> dict[str, Any]:
    """What a server of MLflow answers, in another process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", uri]
    command += ["--port", f"{port}", "--env-manager", "local"]
    server = subprocess.Popen(
        command,
        env={
            **os.environ,
            "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri(),
            # it starts uvicorn by name
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping")
                break
            except urllib.error.URLError:
                time.sleep(0.5)
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            json.dumps({"inputs": {"pixels": pixels.tolist()}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:
            answer: dict[str, Any] = json.load(response)["predictions"]
            return answer
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Log, load, serve, compare."""
    source, store = Path(sys.argv[1]), Path(sys.argv[2])
    store.mkdir(parents=True)
    pixels = np.fromfile(source / "pixels.f32", dtype="<f4").reshape(-1, 64)
    model = onnx.load(source / "model.onnx")
    uri = logged(model, pixels[:2], store)

    loaded = mlflow.pyfunc.load_model(uri).predict({"pixels": pixels})
    print(f"outputs: {', '.join(loaded)}")
    print(f"accepted: {np.sum(loaded['mask'])} of {len(pixels)}")
    answer = served(uri, pixels)
    same = np.array_equal(np.array(answer["mask"], bool), np.array(loaded["mask"], bool))
    print(f"the server decides the same: {same}")
    kept = mlflow.onnx.load_model(uri)
    card = {entry.key for entry in kept.metadata_props}
    print(f"the card is still in the model: {'logitconf' in card}")


if __name__ == "__main__":
    main()
