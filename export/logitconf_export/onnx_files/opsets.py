"""Which opsets and IR versions a head can be written at."""

from onnx import helper

from logitconf.errors import LogitconfError

OLDEST_OPSET = 7
NEWEST_OPSET = 26
DEFAULT_OPSET = 17
DEFAULT_IR = 8


def check_opset(opset: int) -> int:
    """The opset, if a head can be written at it.

    Raises:
        LogitconfError: outside 7..26.
    """
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        raise LogitconfError(f"opset must be in {OLDEST_OPSET}..{NEWEST_OPSET}, got {opset}")
    return opset


def ir_for_opset(opset: int) -> int:
    """The IR version to write for an opset: 8 up to opset 18, the oldest that allows it beyond.

    Below opset 9 it is 3, as the oldest runtimes expect.

    Raises:
        LogitconfError: for an opset that a head cannot be written at.
    """
    check_opset(opset)
    if opset < 9:
        return 3
    oldest: int = helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
    return oldest if opset < 15 else max(DEFAULT_IR, oldest)
