"""Where operations are measured."""

import platform

from support.stand_in_evaluator import StandInEvaluator

from logitconf_export.proof.tables.environments import environment_of, processor


def test_a_processor_is_told_by_maker_family_and_widest_vectors() -> None:
    intel = "processor : 0\nvendor_id : GenuineIntel\ncpu family : 6\nflags : sse4_1 avx avx2\n"
    arm = "CPU implementer : 0x41\nCPU part : 0xd40\nFeatures : fp asimd sve\n"
    assert processor(intel) == "GenuineIntel family 6 avx2"
    assert processor(arm) == "0x41 family 0xd40 sve"


def test_a_processor_that_says_little_goes_by_the_platforms_word() -> None:
    assert processor("") == (platform.processor() or platform.machine())


def test_an_environment_says_what_computed() -> None:
    where = environment_of(StandInEvaluator())
    assert (where.runtime, where.version, where.provider) == ("stand-in", "1.0", "cpu")
    assert where.processor == processor()
    assert platform.machine() in where.system
