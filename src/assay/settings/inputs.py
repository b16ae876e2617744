"""What an experiment reads from outside, looked up once before anything starts; all that cannot be read is told at once."""

from assay.api.written import Written
from assay.errors import SpecError, SpecErrors
from assay.plan.arms import Expansion
from assay.plan.compile import Resolved, wanted_inputs
from assay.plan.identity import OutsideInput, outside_inputs
from assay.plan.origins import Origins
from assay.ports.sources import Sources


class SourceErrors(SpecErrors):
    """The outside inputs are not there, or not as the plan needs them."""


def resolved_inputs(expansion: Expansion, written: Written, sources: Sources) -> dict[str, Resolved]:
    """Return what every outside input holds now, by its key.

    Raises:
        SourceErrors: each that is not there, or may not be read, with the first field that names it.

    """
    resolved, faults = {}, []
    for key, wanted in wanted_inputs(expansion).items():
        try:
            resolved[key] = sources.resolve(wanted)
        except SpecError as error:
            where = f"{_field(expansion, written, wanted)}, {error.where}"
            faults.append(SpecError(where, error.found, error.do))
    if faults:
        raise SourceErrors(faults)
    return resolved


def _field(expansion: Expansion, written: Written, wanted: OutsideInput) -> str:
    origins = Origins(written)
    return next(
        origins.where(instance, name, (stage.kind.value, *item.path), item.uri)
        for instance in expansion.instances
        for name, stage in instance.stages.items()
        for item in outside_inputs(stage.body)
        if item.key == wanted.key
    )
