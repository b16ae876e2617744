"""The programs that run inside a stage's pod, or on a laptop: `python -m assay_pipelines.<kind>`."""
