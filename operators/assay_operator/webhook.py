"""Validating admission of Experiments and Profiles: every fault at once, and never a change.

Correctness does not depend on it: what slips through while no replica answers is judged by the operator again.
"""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import web

from assay.api.experiment import GROUP, Experiment
from assay.api.parse import profile_of
from assay.api.profile import Profile
from assay.api.validate import profile_faults
from assay.api.written import Written
from assay.errors import SpecError
from assay.plan.examine import examine_object
from assay.workloads.carrier import cluster_faults

log = logging.getLogger(__name__)

Plain = dict[str, Any]
Admitted = Callable[[str], None]  # allowed, refused, late or error
Judge = Callable[[Mapping[str, Any]], Plain]

_VERSION = "admission.k8s.io/v1"
_MOST_BYTES = 16 * 1024 * 1024  # an update carries an object of up to 3 MiB twice
_MOST_FAULTS = 100
_MOST_WARNINGS = 12
_LONGEST_WARNING = 256  # characters; an API server cuts what is longer
_AT_ONCE = 2  # judgements are pure computing
_SECONDS = re.compile(r"([0-9]{1,3})s")
_MARGIN = 1.0  # seconds before the API server stops waiting
_DEFAULT_TIMEOUT = 10.0


class BadReviewError(ValueError):
    """What was sent is no AdmissionReview that is understood here."""


def answer(review: Mapping[str, Any]) -> Plain:
    """Return the AdmissionReview that answers one.

    Raises:
        BadReviewError: it is none.

    """
    if review.get("apiVersion") != _VERSION or not isinstance(review.get("request"), Mapping):
        raise BadReviewError(f"found no AdmissionReview of {_VERSION} with a request, expected one")
    request: Mapping[str, Any] = review["request"]
    value = request.get("object")
    if not isinstance(value, Mapping) or _is_settled(value, request.get("oldObject")):
        return _review(request, {"allowed": True})
    faults, notes = _judged(value, str((request.get("kind") or {}).get("kind")))
    if not faults:
        return _review(request, {"allowed": True, **({"warnings": notes} if notes else {})})
    return _review(request, {"allowed": False, "status": _status(request, value, faults)})


def allowed_unjudged(review: Mapping[str, Any], why: str) -> Plain:
    """Return the answer to a review that could not be judged in time."""
    return _review(review["request"], {"allowed": True, "warnings": [why]})


class Webhook:
    """Answers over HTTP, off the event loop, and before the API server stops waiting."""

    def __init__(self, admitted: Admitted | None = None, *, judge: Judge = answer) -> None:
        self._admitted = admitted or (lambda _answer: None)
        self._judge = judge
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="admission")

    def app(self) -> web.Application:
        """Return the application behind the webhook's port."""
        app = web.Application(client_max_size=_MOST_BYTES)
        app.add_routes([web.post("/validate", self.handle)])
        return app

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        body = await request.read()
        loop = asyncio.get_running_loop()
        review: Plain = {}
        try:
            review = await asyncio.to_thread(parsed, body)
            async with asyncio.timeout(_patience(request.query.get("timeout"))):
                response = await loop.run_in_executor(self._pool, self._judge, review)
        except BadReviewError as error:
            self._admitted("error")
            return web.Response(text=f"{error}\n", status=400)
        except TimeoutError:
            self._admitted("late")
            log.warning("a spec was not judged in time; it is judged when it is planned")
            return web.json_response(
                allowed_unjudged(review, "assay had no time to check this now; see the condition Accepted")
            )
        except Exception:
            self._admitted("error")
            log.exception("a spec could not be judged")
            return web.Response(text="assay failed to judge this\n", status=500)
        self._admitted("allowed" if response["response"]["allowed"] else "refused")
        return web.json_response(response)


def parsed(body: bytes) -> Plain:
    """Read what an API server sent.

    Raises:
        BadReviewError: it is no JSON object.

    """
    try:
        review = json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BadReviewError(f"found no JSON ({error}), expected an AdmissionReview") from error
    if not isinstance(review, dict):
        raise BadReviewError("found no object, expected an AdmissionReview")
    return review


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _patience(timeout: str | None) -> float:
    """The API server says how long it waits, such as `10s`."""
    told = _SECONDS.fullmatch(timeout or "")
    return max(0.5, (float(told[1]) if told else _DEFAULT_TIMEOUT) - _MARGIN)


def _is_settled(value: Mapping[str, Any], old: Any) -> bool:
    """Whether nothing is asked for anew: labels and finalizers of what is at fault can still be changed."""
    is_going = bool(_metadata(value).get("deletionTimestamp"))
    return is_going or (isinstance(old, Mapping) and old.get("spec") == value.get("spec"))


def _metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    found = value.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _judged(value: Mapping[str, Any], kind: str) -> tuple[Sequence[SpecError], list[str]]:
    if kind == Profile.__name__:
        written = Written(value=dict(value))
        faults = profile_faults(written)
        return faults, [] if faults else [str(fault) for fault in cluster_faults(profile_of(written).spec)]
    if kind != Experiment.__name__:
        raise BadReviewError(f"found an object of kind {kind}, expected an Experiment or a Profile")
    found = examine_object(value)
    notes = found.expansion.notes
    shown = [_shortened(note) for note in notes[:_MOST_WARNINGS]]
    if len(notes) > _MOST_WARNINGS:
        shown.append(f"and {len(notes) - _MOST_WARNINGS} more")
    return found.faults, shown


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_WARNING else f"{text[: _LONGEST_WARNING - 1]}…"


def _status(request: Mapping[str, Any], value: Mapping[str, Any], faults: Sequence[SpecError]) -> Plain:
    """Tell every fault on a line of its own, and again as causes for programs."""
    lines = [str(fault) for fault in faults[:_MOST_FAULTS]]
    if len(faults) > _MOST_FAULTS:
        lines.append(f"and {len(faults) - _MOST_FAULTS} more")
    name = _metadata(value).get("name") or request.get("name") or ""
    return {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": "\n".join(lines),
        "details": {
            "name": name,
            "group": GROUP,
            "kind": (request.get("kind") or {}).get("kind", ""),
            "causes": [
                {
                    "reason": "FieldValueInvalid",
                    "field": fault.where,
                    "message": f"{fault.found}. {fault.do}",
                }
                for fault in faults[:_MOST_FAULTS]
            ],
        },
    }


def _review(request: Mapping[str, Any], response: Plain) -> Plain:
    return {
        "apiVersion": _VERSION,
        "kind": "AdmissionReview",
        "response": {"uid": request.get("uid", ""), **response},
    }
