"""What a score below its threshold means: every row says it for all that it is defined for."""

import pytest

from logitconf.scores.meanings import Meaning
from logitconf.scores.table import SCORES


@pytest.mark.parametrize("name", SCORES)
def test_every_score_says_in_words_what_lies_below_its_threshold(name: str) -> None:
    meaning = SCORES[name].meaning
    for words in (meaning.of_classes, meaning.of_one, meaning.of_labels):
        assert words.count("{x}") == 1
        assert words == words.strip()


def test_words_for_one_logit_and_for_labels_follow_those_of_classes() -> None:
    assert Meaning("entropy below {x}").of_one == "entropy below {x}"
    assert Meaning("entropy below {x}").of_labels == "every label's entropy below {x}"
    assert Meaning("a {x}", "b {x}").of_labels == "every label's b {x}"
