"""The benchmarks by the names that a spec gives them."""

from assay_pipelines.evaluate.instructeval.bbh import BBH
from assay_pipelines.evaluate.instructeval.drop import DROP
from assay_pipelines.evaluate.instructeval.humaneval import HUMANEVAL
from assay_pipelines.evaluate.instructeval.items import Benchmark
from assay_pipelines.evaluate.instructeval.mmlu import MMLU

BENCHMARKS: dict[str, Benchmark] = {"mmlu": MMLU, "bbh": BBH, "drop": DROP, "humaneval": HUMANEVAL}
