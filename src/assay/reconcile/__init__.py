"""What to do next, decided from facts: pure and total. No client, no clock, no logger."""
