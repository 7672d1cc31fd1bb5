"""A head on a 4 GiB host by several tools: ``PYTHONPATH=tests python -m benchmarks.large_host``.

Each tool runs in a process of its own, which measures itself; those that are not installed are
left out and said. The host is eight layers of 512 MiB in one file beside the model.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

WIDTH, CLASSES, LAYERS = 8192, 16384, 8
MOST_MEMORY = 14
"""GiB of address space that each tool may take, so that it fails before the machine does."""

MAKE = """
import sys
import numpy as np, onnx
from onnx import TensorProto, helper
folder, width, classes, layers = sys.argv[1], *map(int, sys.argv[2:5])
nodes, tensors, last = [], [], "x"
size = width * classes * 4
for k in range(layers):
    shape = [width, classes] if k % 2 == 0 else [classes, width]
    tensor = TensorProto(name=f"w{k}", data_type=1, dims=shape, data_location=1)
    for key, value in (("location", "host.bin"), ("offset", k * size), ("length", size)):
        tensor.external_data.add(key=key, value=str(value))
    tensors.append(tensor)
    nodes.append(helper.make_node("MatMul", [last, f"w{k}"], [f"z{k}"], name=f"m{k}"))
    last = f"z{k}"
nodes.append(helper.make_node("Softmax", [last], ["y"], name="softmax", axis=1))
columns = width if layers % 2 == 0 else classes
graph = helper.make_graph(
    nodes, "host",
    [helper.make_tensor_value_info("x", 1, ["N", width])],
    [helper.make_tensor_value_info("y", 1, ["N", columns])], tensors)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(model, folder + "/host.onnx")
block = np.random.default_rng(0).normal(0, 0.01, 2**22).astype("f4").tobytes()
with open(folder + "/host.bin", "wb") as stream:
    for _ in range(layers * size // len(block)):
        stream.write(block)
from logitconf import SoftmaxScore
from logitconf_export import to_onnx
score = SoftmaxScore()
score.set_threshold(value=-0.5)
score.save(folder + "/card.json")
to_onnx(score.compile(n_classes=columns), folder + "/head.onnx", opset=17)
"""

BEFORE = """
import resource, sys, time, json
folder, most = sys.argv[1], int(sys.argv[3]) * 2**30
resource.setrlimit(resource.RLIMIT_AS, (most, most))
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
"""
AFTER = """
print(json.dumps({"seconds": time.perf_counter() - start, "peak": peak(), "imported": imported}))
"""

TOOLS = {
    "logitconf attach": """
        import logitconf
        from logitconf_export import attach, to_onnx
        score = logitconf.load(folder + "/card.json")
        to_onnx(score.compile(n_classes=5))
        imported = peak(); start = time.perf_counter()
        attach(folder + "/host.onnx", score.compile(), folder + "/out.onnx")
    """,
    "onnx.compose.merge_models": """
        import onnx
        from onnx import compose
        imported = peak(); start = time.perf_counter()
        host, head = onnx.load(folder + "/host.onnx"), onnx.load(folder + "/head.onnx")
        last = host.graph.node[-1].input[0]
        value = onnx.helper.make_tensor_value_info(last, 1, ["N", int(sys.argv[2])])
        host.graph.output.append(value)
        merged = compose.merge_models(
            host, head, io_map=[(last, "logits")], outputs=["y", "score", "mask"])
        onnx.save(merged, folder + "/out.onnx", save_as_external_data=True, location="out.bin")
    """,
    "onnx.compose.merge_models, weights left outside": """
        import onnx
        from onnx import compose
        imported = peak(); start = time.perf_counter()
        host = onnx.load(folder + "/host.onnx", load_external_data=False)
        head = onnx.load(folder + "/head.onnx")
        last = host.graph.node[-1].input[0]
        value = onnx.helper.make_tensor_value_info(last, 1, ["N", int(sys.argv[2])])
        host.graph.output.append(value)
        merged = compose.merge_models(
            host, head, io_map=[(last, "logits")], outputs=["y", "score", "mask"])
        onnx.save(merged, folder + "/out.onnx")
    """,
    "spox inline": """
        import onnx, numpy as np, spox
        from spox import Tensor, argument, build, inline
        imported = peak(); start = time.perf_counter()
        host, head = onnx.load(folder + "/host.onnx"), onnx.load(folder + "/head.onnx")
        x = argument(Tensor(np.float32, ("N", int(sys.argv[2]))))
        y = inline(host)(x=x)["y"]
        out = inline(head)(logits=y)
        built = build({"x": x}, {"y": y, "score": out["score"], "mask": out["mask"]})
        onnx.save(built, folder + "/out.onnx", save_as_external_data=True, location="out.bin")
    """,
    "spox inline, weights left outside": """
        import onnx, numpy as np, spox
        from spox import Tensor, argument, build, inline
        imported = peak(); start = time.perf_counter()
        host = onnx.load(folder + "/host.onnx", load_external_data=False)
        head = onnx.load(folder + "/head.onnx")
        x = argument(Tensor(np.float32, ("N", int(sys.argv[2]))))
        y = inline(host)(x=x)["y"]
        out = inline(head)(logits=y)
        built = build({"x": x}, {"y": y, "score": out["score"], "mask": out["mask"]})
        onnx.save(built, folder + "/out.onnx")
    """,
    "onnxruntime-extensions": """
        import onnx
        from onnxruntime_extensions.tools.pre_post_processing import PrePostProcessor
        from onnxruntime_extensions.tools.pre_post_processing import Softmax
        imported = peak(); start = time.perf_counter()
        pipeline = PrePostProcessor([], onnx_opset=17)
        pipeline.add_post_processing([Softmax()])
        host = onnx.load(folder + "/host.onnx")
        onnx.save(pipeline.run(host), folder + "/out.onnx", save_as_external_data=True,
                  location="out.bin")
    """,
}
CHECK = """
import onnx, sys
folder = sys.argv[1]
host = onnx.load(folder + "/host.onnx", load_external_data=False)
out = onnx.load(folder + "/out.onnx", load_external_data=False)
names = [value.name for value in out.graph.output]
whole = "score" in names and "mask" in names
reads = [n.name for n in out.graph.node if host.graph.node[-1].output[0] in n.input]
weights = [t for t in out.graph.initializer if t.data_location == 1]
kept = [n.name for n in out.graph.node][:len(host.graph.node)] == [n.name for n in host.graph.node]
what = [
    "score and mask" if whole else f"outputs {names}",
    f"score of the {'probabilities' if reads else 'logits'}" if whole and kept else "",
    "same node names" if kept else "node names changed",
    f"{len(weights)} weights outside",
]
print("; ".join(w for w in what if w))
"""


def measured(python: str, tool: str, folder: Path, width: int) -> str:
    """One line about one tool: seconds, memory, and what came out or why nothing did."""
    for name in ("out.onnx", "out.bin"):
        (folder / name).unlink(missing_ok=True)
    text = BEFORE + textwrap.dedent(TOOLS[tool]) + AFTER
    command = [python, "-W", "ignore", "-c", text, str(folder), str(width), str(MOST_MEMORY)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"ended with {done.returncode}"
        if "MemoryError" in done.stderr or "bad_alloc" in done.stderr:
            reason = f"takes more than {MOST_MEMORY} GiB of memory"
        if "No module named" in reason:
            reason = f"not installed here ({reason})"
        return f"| {tool} | | | could not: {reason[:200]} |"
    found = json.loads(done.stdout.splitlines()[-1])
    check = [python, "-c", CHECK, str(folder)]
    what = subprocess.run(check, capture_output=True, text=True, timeout=300, check=False)
    more = found["peak"] - found["imported"]
    return (
        f"| {tool} | {found['seconds']:.2f} | {more:.0f} of {found['peak']:.0f} | "
        f"{what.stdout.strip() or what.stderr.strip()[-200:]} |"
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="a Python that has the peers")
    parser.add_argument("--folder", type=Path, help="where 9 GB are free")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=[*TOOLS])
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(dir=chosen.folder))
    try:
        sizes = [str(WIDTH), str(CLASSES), str(chosen.layers)]
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", MAKE, str(folder), *sizes], check=True
        )
        gib = (folder / "host.bin").stat().st_size / 2**30
        print(f"host of {gib:.2f} GiB; one run each, in a process of its own\n")
        print("| tool | seconds | MB more after imports, of peak | what came out |")
        print("|---|---|---|---|")
        for tool in chosen.tools:
            python = sys.executable if tool.startswith("logitconf") else chosen.peers
            print(measured(python, tool, folder, WIDTH), flush=True)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
