"""The table of policies: what type checkers know of it, and that it is light."""

import subprocess
import sys

from logitconf.policy_table import POLICIES, PolicyArguments


def test_type_checkers_know_the_arguments_of_all_rows() -> None:
    rows = [row.argument.name for row in POLICIES.values()]
    further = [each.name for row in POLICIES.values() for each in row.further]
    assert {*rows, *further} == {*PolicyArguments.__annotations__, "q"}


def test_the_table_loads_without_numpy() -> None:
    code = "import sys, logitconf.policy_table; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
