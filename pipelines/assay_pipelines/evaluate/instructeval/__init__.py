"""The benchmarks of declare-lab/instruct-eval, asked and scored as its code does.

One file per benchmark says how its files become items and, where it differs, how an answer is scored; `scoring` judges labels,
`asking` puts items to a model. `docs/evaluation.md` names the traps.
"""
