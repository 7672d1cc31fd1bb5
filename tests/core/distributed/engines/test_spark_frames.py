"""Spark, really run: what it fits is what one process fits, also when its workers are killed."""

from support.engines import check_engine


def test_the_card_is_that_of_one_process_to_the_last_byte_also_with_killed_workers() -> None:
    check_engine("spark", "spark")
