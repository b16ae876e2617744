"""Settings come from arguments, else the environment, else what the published install objects say."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from assay.errors import AssayError
from assay_operator.options import Options

MANIFEST = Path(__file__).parents[3] / "manifests" / "install.yaml"


def test_an_argument_wins_over_the_environment_and_that_over_what_is_published():
    options = Options.read(
        ["--webhook-port", "1"], {"ASSAY_WEBHOOK_PORT": "2", "ASSAY_HEALTH_PORT": "3", "ASSAY_LEASE": ""}
    )

    assert (options.webhook_port, options.health_port, options.lease) == (1, 3, "assay-operator")


def test_lists_are_written_with_commas():
    options = Options.read(["--watch-namespaces=a, b"], {"ASSAY_CERTIFICATE_NAMES": "192.0.2.7,host.test"})

    assert options.watch_namespaces == ("a", "b")
    assert options.webhook_names == (
        "assay-operator.assay-system.svc",
        "assay-operator.assay-system.svc.cluster.local",
        "192.0.2.7",
        "host.test",
    )


@pytest.mark.parametrize(
    ("environment", "where"),
    [
        ({"ASSAY_WEBHOOK_PORT": "http"}, "ASSAY_WEBHOOK_PORT"),
        ({"ASSAY_WEBHOOK_PORT": "65536"}, "ASSAY_WEBHOOK_PORT"),
        ({"ASSAY_LOG_LEVEL": "loud"}, "ASSAY_LOG_LEVEL"),
    ],
)
def test_a_setting_that_cannot_be_is_told_by_its_name(environment, where):
    with pytest.raises(AssayError) as told:
        Options.read([], environment)

    assert told.value.where == where


def test_the_published_arguments_are_understood_and_are_the_defaults():
    documents = list(YAML(typ="safe").load_all(MANIFEST.read_text()))
    deployment = next(item for item in documents if item["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]

    assert Options.read(container["args"], {"ASSAY_NAMESPACE": "assay-system"}) == Options()
