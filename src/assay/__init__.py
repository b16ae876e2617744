"""Ablation experiments on LLM training data: spec, plan, run, verdict."""
