"""What a torchrun is told of its pool, whoever starts it."""

from assay.workloads.objects import Object
from assay.workloads.order import Order
from assay.workloads.pods import environment, variable_list

_FAREWELL_SECONDS = 10  # of a pod's grace, for torchrun itself to end


def variables(order: Order) -> list[Object]:
    """Return the program's variables, and the pool's, which replace none of ours; torchrun waits as long as the pod may.

    Asked to end, torchrun kills its processes after 30 s unless TORCH_ELASTIC_SHUTDOWN_TIMEOUT says otherwise: they may be
    uploading a checkpoint.
    """
    patience = max(order.profile.pools.train.grace_seconds - _FAREWELL_SECONDS, 0)
    return with_pool(
        order, [*environment(order), *variable_list({"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(patience)})]
    )


def with_pool(order: Order, ours: list[Object]) -> list[Object]:
    """Put the train pool's variables before ours, but those that we set."""
    taken = {one["name"] for one in ours}
    theirs = order.profile.pools.train.environment
    return variable_list({name: value for name, value in theirs.items() if name not in taken}) + ours
