"""The program of program stages: it brings what a team's own command reads, lets it run, and checks what it wrote.

Locally one process does all of it. In a pod three containers of assay's image do, around the command's own, so that it meets
no credential: `read` before it, `stand_by` beside it, `publish` after it.
"""

from assay_pipelines.offline import stay_offline

stay_offline()
