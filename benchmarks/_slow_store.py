"""The operator, as its image starts it, with a store that is farther away: `python benchmarks/_slow_store.py MILLISECONDS FILE`.

Each request to the store, repeated ones too, waits so long before it is sent; how many there were is in the file at the end. It
happens where all requests to a store pass, in the process that makes them, and so costs next to nothing on a machine that
everything else shares. The operator itself is unchanged.
"""

import itertools
import sys
import time
from pathlib import Path
from typing import Any

from urllib3 import PoolManager

from assay.stores.patience import PatientPool
from assay_operator.main import main

milliseconds, told = float(sys.argv.pop(1)), Path(sys.argv.pop(1))
requests = itertools.count()
send = PoolManager.urlopen


def urlopen(this: PoolManager, *arguments: Any, **named: Any) -> Any:
    if isinstance(this, PatientPool):
        next(requests)
        time.sleep(milliseconds / 1000)
    return send(this, *arguments, **named)


PoolManager.urlopen = urlopen
try:
    main()
finally:
    told.write_text(str(next(requests)))
