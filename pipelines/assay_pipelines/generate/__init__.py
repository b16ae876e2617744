"""The program of generate stages: a model answers prompts, and the answers are a dataset that later stages read."""

from assay_pipelines.offline import stay_offline

stay_offline()
