"""What is known of GPUs by their names."""

import pytest

from assay.api.gpus import peak_of


@pytest.mark.parametrize(
    ("gpu", "peak"),
    [
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L40", None),
        ("NVIDIA A10G", None),
        ("NVIDIA RTX A1000", None),
        ("NVIDIA-A100-SXM4-80GB", 312e12),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", None),
        ("Some other", None),
    ],
)
def test_the_peak_of_a_gpu_is_known_by_its_name(gpu, peak):
    assert peak_of(gpu) == peak
