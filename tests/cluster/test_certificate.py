"""One certificate for all replicas, in a real API server's Secret."""

import asyncio
import base64
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from assay_operator.certificate import LIFE, unfit
from assay_operator.certificate_keeper import CertificateKeeper, Place
from operator_access import SERVICE_ACCOUNT, client_of, installed

NAMES = ("assay-operator.assay-system.svc", "127.0.0.1")


@pytest.fixture
def registration(cluster):
    """A registration of two webhooks that selects nothing."""
    name = f"test-{secrets.token_hex(4)}"
    webhook = {
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": {"url": "https://127.0.0.1:1/validate"},
        "objectSelector": {"matchLabels": {"nothing": name}},
        "rules": [],
    }
    cluster.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{"name": f"{part}.assay.dev", **webhook} for part in ("one", "two")],
        }
    )
    yield name
    cluster.kubectl("delete", "validatingwebhookconfiguration", name)


@pytest.fixture
def keeper_of(cluster, namespace, registration, tmp_path):
    count = iter(range(100))

    def make(*, names=NAMES, now=None, clock=None, configuration=registration):
        place = Place(
            namespace=namespace, secret="certificate", webhook_configuration=configuration, names=names
        )
        clock = clock or (lambda: now or datetime.now(UTC))
        return CertificateKeeper(client_of(cluster), place, folder=tmp_path / str(next(count)), clock=clock)

    return make


def bundles(cluster, registration):
    found = cluster.get("validatingwebhookconfiguration", registration)
    return {base64.b64decode(item["clientConfig"]["caBundle"]) for item in found["webhooks"]}


def test_replicas_that_start_together_agree_on_one_certificate(keeper_of):
    keepers = [keeper_of() for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        agreed = list(pool.map(lambda keeper: keeper.agree(), keepers))

    assert len(set(agreed)) == 1
    assert keeper_of().agree() == agreed[0]


def test_replicas_that_renew_together_agree_on_one_certificate(keeper_of):
    first = keeper_of().agree()
    later = datetime.now(UTC) + LIFE * 0.8
    keepers = [keeper_of(now=later) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        agreed = list(pool.map(lambda keeper: keeper.agree(), keepers))

    assert len(set(agreed)) == 1
    assert agreed[0] != first
    assert unfit(agreed[0], NAMES, later) is None
    assert agreed[0].authorities.endswith(first.authorities)


def test_a_damaged_secret_is_replaced(cluster, namespace, keeper_of):
    keeper_of().agree()
    cluster.kubectl(
        "patch", "secret", "certificate", f"--namespace={namespace}", "--patch", '{"data": {"tls.key": ""}}'
    )

    assert unfit(keeper_of().agree(), NAMES, datetime.now(UTC)) is None


def test_an_empty_secret_that_others_made_is_filled(cluster, namespace, keeper_of):
    cluster.kubectl("create", "secret", "generic", "certificate", f"--namespace={namespace}")

    made = keeper_of().agree()

    assert keeper_of().agree() == made


def test_the_api_server_trusts_what_is_served_also_after_a_renewal(cluster, registration, keeper_of):
    keeper = keeper_of()
    asyncio.run(keeper.refresh())
    first = bundles(cluster, registration)
    assert keeper.loaded
    assert first == {keeper.agree().authorities}

    asyncio.run(keeper_of(now=datetime.now(UTC) + timedelta(days=300)).refresh())
    asyncio.run(keeper.refresh())

    assert bundles(cluster, registration) == {keeper.agree().authorities}
    assert bundles(cluster, registration) != first


def test_a_renewed_certificate_is_trusted_before_it_is_served(cluster, registration, keeper_of):
    now = datetime.now(UTC)
    keeper = keeper_of(clock=lambda: now)
    asyncio.run(keeper.refresh())
    first = keeper.agree()
    now += LIFE * 0.8

    asyncio.run(keeper.refresh())
    assert keeper.serves == first
    assert bundles(cluster, registration) == {keeper.agree().authorities}
    asyncio.run(keeper.refresh())
    assert keeper.serves == keeper.agree() != first


def test_what_is_trusted_already_is_not_written_again(cluster, registration, keeper_of):
    asyncio.run(keeper_of().refresh())
    version = cluster.get("validatingwebhookconfiguration", registration)["metadata"]["resourceVersion"]
    asyncio.run(keeper_of().refresh())

    again = cluster.get("validatingwebhookconfiguration", registration)["metadata"]["resourceVersion"]
    assert again == version


def test_a_webhook_that_is_not_installed_leaves_a_certificate_to_serve(keeper_of):
    keeper = keeper_of(configuration="nobody-installed-it")
    asyncio.run(keeper.refresh())

    assert keeper.loaded


def test_the_published_roles_suffice_and_other_secrets_stay_closed(cluster, tmp_path):
    place = Place(
        namespace="assay-system",
        secret="assay-operator-certificate",
        webhook_configuration="assay-operator",
        names=NAMES,
    )
    keeper = CertificateKeeper(client_of(cluster, user=SERVICE_ACCOUNT), place, folder=tmp_path)

    with installed(cluster):
        asyncio.run(keeper.refresh())

        assert bundles(cluster, "assay-operator") == {keeper.agree().authorities}
        with pytest.raises(RuntimeError, match="forbidden"):
            cluster.kubectl("get", "secrets", "--namespace=assay-system", f"--as={SERVICE_ACCOUNT}")
