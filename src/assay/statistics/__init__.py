"""Did the difference matter?  The verdict engine: pure functions of scores.

`runs` judges data (replicate trainings), `models` two given models, `families` corrects for asking often, `verdicts`
puts it in a word (`words`), `power` says what could have been seen.  Nothing here reads a file, a clock or a seed of its own.
"""
