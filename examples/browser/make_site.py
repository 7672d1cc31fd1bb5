"""Put the page, the model and onnxruntime's WebAssembly build into one folder to be served.

Run it with: python examples/browser/make_site.py MODEL_FOLDER NEW_FOLDER [--modules node_modules]

The folder holds all that the page needs: any server of files can serve it.
"""

import argparse
import shutil
from pathlib import Path

HERE = Path(__file__).parent
PAGE = ("index.html", "icon.svg", "style.css", "app.js", "digit.js", "model.js")
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")


def main() -> None:
    """Copies the files."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("site", type=Path)
    parser.add_argument("--modules", type=Path, default=Path("node_modules"))
    options = parser.parse_args()

    (options.site / "ort").mkdir(parents=True)
    for name in RUNTIME:
        shutil.copy(options.modules / "onnxruntime-web" / "dist" / name, options.site / "ort")
    for name in PAGE:
        shutil.copy(HERE / name, options.site)
    for name in ("model.onnx", "card.json"):
        shutil.copy(options.model / name, options.site)
    print(f"the page is in {options.site}; serve it with:")
    print(f"python -m http.server --bind 127.0.0.1 --directory {options.site} 8000")


if __name__ == "__main__":
    main()
