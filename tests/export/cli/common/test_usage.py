"""What is said before a command runs: all that is missing, what was meant, what is no number."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from support.command_line import call

from logitconf.policy_table import POLICIES
from logitconf_export.cli.app import COMMANDS, application
from logitconf_export.cli.common.usage import COMMAND_SYNONYMS

FIT = "fit x.npz -o c.json"
CASES = {
    "fit": r"fit needs --output \(-o\) and VAL.npz \(or --data, with --model, or --dataset\); see ",
    "fit x.npz": r"fit needs --output \(-o\); see logitconf fit --help$",
    "drift": "drift needs MODEL.onnx, VARIANT.onnx and --data; see",
    "ensemble": r"ensemble needs MODEL.onnx... and --output \(-o\); see",
    f"{FIT} --scor gini": r"fit has no option --scor; did you mean --score\?$",
    f"{FIT} --CONFIDENCE=1": "fit has no option --CONFIDENCE; did you mean --confidence",
    f"{FIT} --zzz": "fit has no option --zzz; see logitconf fit --help",
    f"{FIT} y.npz": "fit takes VAL.npz, got y.npz besides",
    "demo x": "demo takes options alone, got x besides",
    f"{FIT} --coverage 90%": "--coverage must be a number, got '90%'; write 0.9$",
    f"{FIT} --coverage 0,9": "--coverage must be a number, got '0,9'; write 0.9$",
    f"{FIT} --coverage most": "--coverage must be a number, got 'most'$",
    f"{FIT} --seed 1.5": "--seed must be a whole number, got '1.5'$",
    f"{FIT} --seed 2.0": "--seed must be a whole number, got '2.0'; write 2$",
    f"{FIT} --ignore-label 1 --ignore-label no": "--ignore-label must be a whole number, got 'no'",
    "attach m -o o --threshold=-0,9": "--threshold must be a number, got '-0,9'; write -0.9$",
    "fit x.npz -o": "fit needs a value after -o, got none$",
    "Fit": r"there is no command 'Fit'; did you mean 'fit'\?$",
    "validate": "there is no command 'validate'; did you mean 'verify'",
    "re-attach": "there is no command 're-attach'; did you mean 'reattach'",
    "zzz": r"there is no command 'zzz'; the commands are \['fit', ",
    "there.onnx": "a command must come first, got the file there.onnx; try logitconf inspect there",
}


@pytest.mark.parametrize("command", CASES)
def test_a_command_that_cannot_run_says_what_is_wrong_in_one_sentence(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.onnx").touch()
    outcome = call(capsys, command)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    said = outcome.err.removeprefix("logitconf: error: ").strip()
    assert re.match(CASES[command], said), said


def test_what_is_missing_is_not_asked_of_who_asks_for_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(capsys, "fit --coverage 90% --help").code == 0


def test_synonyms_of_commands_are_no_commands_and_mean_some() -> None:
    assert not set(COMMAND_SYNONYMS) & set(COMMANDS)
    assert set(COMMAND_SYNONYMS.values()) <= {*COMMANDS, "doctor"}


def parameters() -> dict[str, Any]:
    """Every option of every command as typer has it."""
    group: Any = typer.main.get_command(application())
    return {
        f"{name} {each.opts[0]}": each
        for name, command in group.commands.items()
        for each in command.params
        if each.param_type_name == "option"
    }


# a default that is told in the text instead of as one
TOLD = re.compile(r"by default|otherwise|unless|if nothing|; [.\d]+\.$")


def test_defaults_are_shown_as_such_and_not_in_the_text() -> None:
    for name, each in parameters().items():
        assert not TOLD.search(each.help or ""), name
        # typer shows every default but None, unless it is told not to
        assert each.show_default is not False, name
    shown = {name for name, each in parameters().items() if isinstance(each.show_default, str)}
    assert {"fit --task", "fit --q", "fit --confidence", "verify --provider", "fit --kind"} <= shown


def test_what_takes_numbers_is_known_of_every_command() -> None:
    group: Any = typer.main.get_command(application())
    numbers = {name: dict(command.numbers) for name, command in group.commands.items()}
    arguments = [a for row in POLICIES.values() for a in (row.argument, *row.further)]
    single = [each.option or each.name for each in arguments if not each.parts]
    assert numbers["fit"] == {
        **dict.fromkeys(["holdout", *single], float),
        **dict.fromkeys(("seed", "ignore_label", "class_axis"), int),
    }
    assert {"temperature", "threshold"} <= set(numbers["retune"])
