"""What an experiment showed: a pure function of its plan, records and verdicts, as data and as a page."""
