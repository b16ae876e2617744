"""Failures from before somebody asked again are forgotten, by whichever clock they asked."""

from datetime import UTC, datetime, timedelta

import pytest

from assay.settings.cluster import asked_again_at
from assay.settings.in_cluster import RETRY
from builders import an_experiment

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def asked(annotations):
    experiment = an_experiment()
    metadata = experiment.metadata.model_copy(update={"annotations": annotations})
    return asked_again_at(experiment.model_copy(update={"metadata": metadata}), NOW)


@pytest.mark.parametrize(("ahead", "expected"), [(-600, -600), (0, 0), (600, 0)])
def test_a_clock_that_is_ahead_forgives_nothing_that_is_yet_to_fail(ahead, expected):
    told = (NOW + timedelta(seconds=ahead)).isoformat()

    assert asked({RETRY: told}) == NOW + timedelta(seconds=expected)


@pytest.mark.parametrize("annotations", [{}, {RETRY: "soon"}, {RETRY: "2030-01-01T12:00:00"}])
def test_what_is_no_time_asks_nothing(annotations):
    assert asked(annotations) is None
