"""Did the difference matter?  The verdict engine: pure functions of scores.

`runs` judges data (replicate trainings), `models` two given models, `families` corrects for asking often, `verdicts`
puts it in a word, `power` says what could have been seen.  Nothing here reads a file, a clock or a seed of its own.
"""

from assay.statistics.families import holm, primary_then_holm
from assay.statistics.intervals import Interval
from assay.statistics.models import Bootstrap, Ends, ModelDifference, item_bootstrap, mcnemar, mcnemar_counts
from assay.statistics.power import (
    Design,
    design_of,
    independent_discordance,
    minimum_detectable_difference,
    power,
    problems_needed,
)
from assay.statistics.runs import Estimate, above, difference
from assay.statistics.scores import Arm, StatisticsError
from assay.statistics.verdicts import Comparison, Verdict, Word, family_verdicts, verdict

__all__ = [
    "Arm",
    "Bootstrap",
    "Comparison",
    "Design",
    "Ends",
    "Estimate",
    "Interval",
    "ModelDifference",
    "StatisticsError",
    "Verdict",
    "Word",
    "above",
    "design_of",
    "difference",
    "family_verdicts",
    "holm",
    "independent_discordance",
    "item_bootstrap",
    "mcnemar",
    "mcnemar_counts",
    "minimum_detectable_difference",
    "power",
    "primary_then_holm",
    "problems_needed",
    "verdict",
]
