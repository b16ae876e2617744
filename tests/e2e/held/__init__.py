"""A program that is held: while it is imported, and again while it runs, each until somebody writes to a pipe."""
