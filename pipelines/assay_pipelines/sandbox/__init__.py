"""Where code runs that a model wrote; docs/sandbox.md says what is promised.

`run.run_programs` is all that programs of stages call. What runs behind it (`serve`, `judge`, `candidate`) imports the
standard library alone, and this package.
"""
