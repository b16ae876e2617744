"""The loop: observe, decide, act, wait. It names no backend and keeps nothing that cannot be found again."""
