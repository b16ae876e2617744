"""From an Experiment to a Plan: pure, total, the same for the same words.

experiment ─ `arms.expand` ▶ instances (arm × coordinates) ─ `compile.wanted_inputs` ▶ (resolved by a port) ─ `compile.compile_plan` ▶ Plan
"""
