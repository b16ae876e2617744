"""The program of evaluate stages: benchmarks, likelihoods and rates, item by item."""

from assay_pipelines.offline import stay_offline

stay_offline()
