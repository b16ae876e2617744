"""The Profile: how a platform team runs things. Its store prefix is a trust domain."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from assay.api.experiment import Metadata
from assay.api.model import (
    DATA_PATTERN,
    DIGEST_PATTERN,
    IMAGE_PATTERN,
    STORE_PATTERN,
    Name,
    Rule,
    SpecModel,
    fault,
)

Text = Annotated[str, Field(max_length=2048)]
Label = Annotated[str, Field(max_length=63)]
Digest = Annotated[str, Field(pattern=DIGEST_PATTERN, max_length=71)]
Image = Annotated[str, Field(pattern=IMAGE_PATTERN, max_length=512)]


class StoreRef(SpecModel):
    """The object store that the namespace shares."""

    uri: str = Field(
        min_length=1,
        max_length=2048,
        pattern=STORE_PATTERN,
        description="`s3://bucket/prefix` or `file:///folder`.",
    )
    endpoint: str | None = Field(
        None,
        max_length=2048,
        description="Of an S3 server that is not AWS, such as `https://minio.storage:9000`.",
    )
    region: str | None = Field(None, max_length=64, description="Of the bucket.")
    secret: Name | None = Field(
        None, description="A Secret, in the same namespace, with accessKey and secretKey."
    )


class Toleration(SpecModel):
    """As in a pod: a taint that is borne."""

    key: str | None = Field(None, max_length=317, description="The taint's key.")
    operator: Literal["Exists", "Equal"] = Field("Equal", description="How the value is matched.")
    value: str | None = Field(None, max_length=63, description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="The effect that is borne."
    )


class Pool(SpecModel):
    """Nodes for one kind of stage."""

    selector: dict[str, Label] = Field(
        {}, max_length=64, description="Node labels, such as `nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB`."
    )
    tolerations: tuple[Toleration, ...] = Field((), max_length=32, description="Taints that are borne.")
    queue: str | None = Field(None, max_length=253, description="A Kueue LocalQueue.")
    priority_class: str | None = Field(None, max_length=253, description="A PriorityClass.")
    cpus: float = Field(
        1, gt=0, le=4096, description="Cores requested per pod; more are used where they are idle."
    )
    memory_gib: float = Field(4, gt=0, le=65536, description="Memory per pod, in GiB.")


class CleanPool(Pool):
    """CPU nodes that come and go."""

    max_workers: int = Field(4, ge=1, le=4096, description="Most Ray workers; the fewest are none.")


class Topology(SpecModel):
    """How near to each other the nodes of one training are (Kueue's topology-aware scheduling)."""

    level: str = Field(
        min_length=1,
        max_length=317,
        description="A node label whose value they share, such as `cloud.provider.com/topology-rack`: a level of the Topology of the queue's flavor.",
    )
    required: bool = Field(
        True,  # noqa: FBT003 -- pydantic's default
        description="Whether a training waits for such nodes; false: it takes others where there are none.",
    )


class TrainPool(Pool):
    """GPU nodes."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule("!has(self.topology) || has(self.queue)", "topology needs a queue: Kueue places by it"),
    )

    workload: Literal["PyTorchJob", "RayJob", "TrainJob"] = Field(
        "PyTorchJob", description="What carries a training."
    )
    nodes: int = Field(1, ge=1, le=1024, description="Nodes per training.")
    gpus_per_node: int = Field(0, ge=0, le=64, description="GPUs per node; 0 trains on CPU.")
    topology: Topology | None = Field(
        None, description="How near to each other the nodes of one training are; absent: anywhere."
    )
    shared_memory_gib: float = Field(1, gt=0, le=65536, description="Size of /dev/shm, in GiB.")
    environment: dict[str, Text] = Field({}, max_length=64, description="Variables such as NCCL's.")
    grace_seconds: int = Field(
        600, ge=0, le=86400, description="Time to upload a checkpoint after SIGTERM, in seconds."
    )

    @model_validator(mode="after")
    def _a_queue_places(self) -> Self:
        if self.topology is not None and self.queue is None:
            raise fault(
                "found topology without queue, expected a queue: Kueue places by it",
                "Name a LocalQueue, or remove topology.",
            )
        return self


class EvaluatePool(Pool):
    """Nodes that models answer on."""

    gpus: int = Field(0, ge=0, le=64, description="GPUs per pod; 0 answers on CPU.")


class ProgramPool(Pool):
    """Nodes for teams' own programs."""

    gpus: int = Field(0, ge=0, le=64, description="GPUs per pod.")
    shared_memory_gib: float = Field(1, gt=0, le=65536, description="Size of /dev/shm, in GiB.")


class Pools(SpecModel):
    """Where each kind of stage runs; compare runs beside evaluate."""

    clean: CleanPool = Field(CleanPool(), description="For clean stages.")
    train: TrainPool = Field(TrainPool(), description="For train stages.")
    evaluate: EvaluatePool = Field(EvaluatePool(), description="For generate, evaluate and compare stages.")
    program: ProgramPool = Field(ProgramPool(), description="For program stages.")


class Images(SpecModel):
    """Container images with digests, by program."""

    clean: Image = Field(description="Runs clean.")
    train: Image = Field(description="Runs train.")
    evaluate: Image = Field(description="Runs generate, evaluate and compare, and stands beside programs.")


class Limits(SpecModel):
    """What experiments may use."""

    gpu_hours: float | None = Field(
        None, gt=0, description="Most GPU-hours of one experiment; absent: no limit."
    )
    approval_gpu_hours: float | None = Field(
        None, gt=0, description="GPU-hours above which a person approves; absent: never."
    )
    parallel: int = Field(16, ge=1, le=4096, description="Most stages of one experiment at once.")
    code_execution: bool = Field(False, description="Whether model-written code may run, in its sandbox.")  # noqa: FBT003 -- pydantic's default
    rule_files: bool = Field(False, description="Whether experiments' own Python may run, without a sandbox.")  # noqa: FBT003 -- pydantic's default
    programs: bool = Field(False, description="Whether teams' own programs may run, in their own images.")  # noqa: FBT003 -- pydantic's default
    hub_access: bool = Field(False, description="Whether data may come from a Hugging Face hub.")  # noqa: FBT003 -- pydantic's default


class Prices(SpecModel):
    """What work is said to cost, before it runs and after."""

    currency: str = Field("USD", min_length=3, max_length=3, description="ISO 4217.")
    gpu_hour: float = Field(
        0, ge=0, description="Of one GPU for an hour, with what is beside it; 0: no money is told."
    )

    def cost(self, gpu_hours: float) -> float | None:
        """Return what GPU-hours cost; None where nobody says."""
        return gpu_hours * self.gpu_hour if self.gpu_hour else None


class ProfileSpec(SpecModel):
    """How things run here."""

    store: StoreRef = Field(description="The store.")
    data: str | None = Field(
        None,
        max_length=2048,
        pattern=DATA_PATTERN,
        description="Where relative paths in specs start, such as `s3://raw/chats`; specs may read below it and below the store.",
    )
    images: Images | None = Field(None, description="Container images; needed on a cluster.")
    trusted_images: tuple[Digest, ...] = Field(
        (),
        max_length=256,
        description="Digests of images whose records are used besides those of `images`; absent: whoever made them.",
    )
    pools: Pools = Field(Pools(), description="Where each kind of stage runs.")
    limits: Limits = Field(Limits(), description="What experiments may use.")
    kept_seconds: int = Field(
        3600,
        ge=600,
        le=2592000,
        description="Seconds for which a finished Job or PyTorchJob stays, for `kubectl logs`; the store keeps logs anyway.",
    )
    prices: Prices = Field(Prices(), description="What it is said to cost.")


class Profile(SpecModel):
    """How a platform team runs experiments in one namespace."""

    api_version: Literal["assay.dev/v1alpha1"] = Field(description="`assay.dev/v1alpha1`.")
    kind: Literal["Profile"] = Field(description="`Profile`.")
    metadata: Metadata = Field(description="Standard object metadata.")
    spec: ProfileSpec = Field(description="How things run here.")
