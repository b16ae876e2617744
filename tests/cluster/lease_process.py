"""A process that leads until it loses: `lease_process.py <kubeconfig> <API server> <namespace>`."""

import logging
import sys
import threading
from pathlib import Path

from assay_operator.lease import Leadership, Timing
from operator_access import configuration_of

logging.basicConfig()
configuration = configuration_of(Path(sys.argv[1]), server=sys.argv[2])
leadership = Leadership(
    configuration,
    namespace=sys.argv[3],
    name="lease",
    replica="process",
    timing=Timing(lease=6, renew=4, retry=1, request=1.5),
)
leadership.start(lambda: print("leads", flush=True))
threading.Event().wait()
