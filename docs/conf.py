"""The documentation as a site: `make site`. Nothing is loaded from elsewhere."""

project = "assay"
extensions = ["myst_parser"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "assay"
exclude_patterns = ["_build"]
