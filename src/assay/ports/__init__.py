"""What control needs of the world, said as protocols; `adapters` has the real ones."""
