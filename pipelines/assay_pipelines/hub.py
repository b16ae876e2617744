"""From a place on a Hugging Face hub to local files, with the hub's own client.

A launcher that allows it sets `HF_HUB_OFFLINE=0`; where that is not set, nothing is fetched. `HF_ENDPOINT` may name another hub.
"""

import os
import re
from pathlib import Path
from typing import Any

from assay.artifacts.hub import HubPlace
from assay.errors import Retry, StageError

_REFUSED = (401, 403, 404, 410, 451)


def fetched(place: HubPlace, folder: Path) -> list[Path]:
    """Bring the files of a place into a folder, in the order of their paths.

    Raises:
        StageError: `HubRefused`: it may not be asked, or has no such thing for us; `HubUnavailable`: it does not answer.

    """
    if os.environ.get("HF_HUB_OFFLINE", "1") != "0":
        raise StageError(
            "HubRefused",
            place.uri,
            "found that no hub may be asked (HF_HUB_OFFLINE is not 0), expected it to be allowed",
            "Let the Profile's limits.hubAccess be true; on a laptop, set HF_HUB_OFFLINE=0.",
        )
    os.environ |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415 -- half a second, and it reads the environment

    try:
        paths = _downloaded(place, folder)
    except Exception as error:  # the client's HTTP library is not always the same one
        answered = next((one for one in (error, error.__cause__) if isinstance(one, HfHubHTTPError)), None)
        if answered is None:
            raise _unavailable(place, type(error.__cause__ or error).__name__) from error
        status = answered.response.status_code
        if status in _REFUSED:
            raise _refused(place, f"found {type(answered).__name__}, status {status}") from error
        raise _unavailable(place, f"status {status}") from error
    if not paths:
        raise _refused(place, "found no such file")
    return paths


def _downloaded(place: HubPlace, folder: Path) -> list[Path]:
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415 -- see above

    where: dict[str, Any] = {
        "repo_id": place.repository,
        "repo_type": "dataset",
        "revision": place.revision,
    }
    names = [place.path]
    if "*" in place.path:
        wanted = re.compile("[^/]*".join(re.escape(part) for part in place.path.split("*")))
        names = sorted(filter(wanted.fullmatch, HfApi().list_repo_files(**where)))
    return [Path(hf_hub_download(filename=name, local_dir=folder, **where)) for name in names]


def _refused(place: HubPlace, found: str) -> StageError:
    return StageError(
        "HubRefused",
        place.uri,
        f"{found}, expected a file that may be read",
        "Correct the URI or the revision; of a gated dataset, accept its terms and set HF_TOKEN.",
    )


def _unavailable(place: HubPlace, found: str) -> StageError:
    return StageError(
        "HubUnavailable",
        place.uri,
        f"found {found}, expected the hub to answer",
        "Look at the network; another attempt follows.",
        retry=Retry.LATER,
    )
