"""`python -m assay_pipelines.clean.ray_head <file> <cpus> <GiB>`: the Ray that `ray_session.preload` starts."""

import sys
from pathlib import Path

from assay_pipelines.clean.ray_session import serve

if __name__ == "__main__":
    serve(Path(sys.argv[1]), cpus=int(sys.argv[2]), memory_gib=float(sys.argv[3]))
