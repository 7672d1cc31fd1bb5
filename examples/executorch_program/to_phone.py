"""Turn the .pt2 of another example into a program for ExecuTorch, run it, and compare the masks.

Run it with: python examples/executorch_program/to_phone.py FOLDER
"""

import sys
from pathlib import Path

import torch
from executorch.exir import to_edge_transform_and_lower
from executorch.runtime import Runtime


def main() -> None:
    """Lower, save, run row after row."""
    folder = Path(sys.argv[1])
    program = torch.export.load(folder / "digits.pt2")
    lowered = to_edge_transform_and_lower(program).to_executorch()
    (folder / "digits.pte").write_bytes(lowered.buffer)

    method = Runtime.get().load_program(folder / "digits.pte").load_method("forward")
    pixels, mask = torch.load(folder / "digits.pt")
    decided = torch.cat([method.execute((row[None],))[2] for row in pixels])
    print(f"accepted: {decided.float().mean():.1%}")
    print(f"decided otherwise by ExecuTorch: {int((decided != mask).sum())} of {len(mask)}")


if __name__ == "__main__":
    main()
