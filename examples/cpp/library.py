"""Print where the shared library is that comes with onnxruntime's Python package."""

from pathlib import Path

import onnxruntime

folder = Path(onnxruntime.__file__).parent / "capi"
print(*(path for path in folder.glob("libonnxruntime.*") if path.suffix != ".pyd"))
