"""From an Experiment to a Plan: pure, total, the same for the same words.

experiment ─ `arms.expand` ▶ instances (arm × coordinates) ─ `sources.outside_inputs` ▶ (resolved by a port) ─ `compile` ▶ Plan
"""
