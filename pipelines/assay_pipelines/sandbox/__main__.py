"""`python -m assay_pipelines.sandbox <folder>`: the sandbox's container, which serves the named pipes in a folder."""

import os
import sys

from assay_pipelines.sandbox.serve import ENVIRONMENT, command

if __name__ == "__main__":
    started = command(*sys.argv[1:])
    os.execve(started[0], started, ENVIRONMENT)  # noqa: S606 -- itself again, without what a container's environment says
