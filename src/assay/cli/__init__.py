"""The command line: one file per command, each a thin shell around a pure view and a local run."""
