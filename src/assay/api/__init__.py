"""What users write: `Experiment` and `Profile`, their partial forms, their CRDs, and how YAML becomes them."""
