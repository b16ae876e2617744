"""`python -m assay_pipelines.train --stage <uri> --attempt <n>`: one process per node, or each process of a torchrun.

Importing this module imports all that a training needs and starts nothing, so that a process forked from one that has
imported it begins at once.
"""

import logging
import sys

from transformers.conversion_mapping import get_checkpoint_conversion_mapping
from transformers.models.llama import modeling_llama as _preloaded  # noqa: F401 -- seconds, else in every child
from transformers.utils import logging as transformers_logging

from assay.artifacts.kinds import Kind
from assay_pipelines.stage import run_program
from assay_pipelines.train.launch import place_from_environment, train_stage

get_checkpoint_conversion_mapping("llama")  # builds a table that every load and save reads


def main(argv: list[str] | None = None) -> int:
    """Carry out one attempt at a train stage."""
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    place = place_from_environment()
    return run_program(Kind.TRAIN, train_stage, argv, speaks=place is None or place.leads)


if __name__ == "__main__":
    sys.exit(main())
