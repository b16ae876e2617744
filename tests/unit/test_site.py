import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--builder", "dirhtml"]


def test_the_site_has_every_page_in_its_contents_and_no_link_into_nothing(tmp_path):
    built = subprocess.run([*BUILD, "docs", tmp_path], cwd=ROOT, check=False, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for page in (ROOT / "docs").glob("*.md"):
        name = "" if page.stem == "index" else page.stem
        assert (tmp_path / name / "index.html").exists()
