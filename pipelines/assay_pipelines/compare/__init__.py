"""The program of compare stages, which says whether differences mattered."""
