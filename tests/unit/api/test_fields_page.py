import os
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_of_fields_is_the_one_made_from_the_models():
    script = runpy.run_path(str(ROOT / "scripts" / "write_fields.py"))
    page, made = ROOT / "docs" / "fields.md", script["fields_page"]()
    if os.environ.get("ASSAY_WRITE_GOLDENS"):
        page.write_text(made)
    assert made == page.read_text(), "run again with ASSAY_WRITE_GOLDENS=1, and look at the difference"
