"""The webhook's certificate: what clients can verify, and when it must be replaced."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from assay_operator.certificate import LIFE, Certificate, make, unfit

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("assay-operator.assay-system.svc", "192.0.2.7")


def hands_shake(certificate, authorities, hostname, tmp_path):
    """Whether a client that trusts the authorities accepts the certificate under a name, in memory."""
    (tmp_path / "crt").write_bytes(certificate.chain)
    (tmp_path / "key").write_bytes(certificate.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    client = ssl.create_default_context(cadata=authorities.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=hostname),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    done = set()
    try:
        for _ in range(6):
            for end in ends:
                try:
                    end.do_handshake()
                    done.add(end)
                except ssl.SSLWantReadError:
                    pass
    except ssl.SSLError:
        return False
    return len(done) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_authority_accepts_every_name_and_address(name, tmp_path):
    made = make(NAMES, datetime.now(UTC))

    assert hands_shake(made, made.authorities, name, tmp_path)


def test_a_client_accepts_no_other_name_and_no_other_authority(tmp_path):
    made, other = (make(NAMES, datetime.now(UTC)) for _ in range(2))

    assert not hands_shake(made, made.authorities, "assay-operator.elsewhere.svc", tmp_path)
    assert not hands_shake(made, other.authorities, NAMES[0], tmp_path)


def test_after_a_renewal_clients_trust_both_certificates_whichever_a_replica_serves(tmp_path):
    first = make(NAMES, datetime.now(UTC))
    second = make(NAMES, datetime.now(UTC), before=first.authorities)

    assert hands_shake(first, second.authorities, NAMES[0], tmp_path)
    assert hands_shake(second, second.authorities, NAMES[0], tmp_path)


def test_renewals_keep_two_authorities_and_none_that_has_ended():
    first = make(NAMES, NOW)
    second = make(NAMES, NOW, before=first.authorities)
    third = make(NAMES, NOW, before=second.authorities)
    late = make(NAMES, NOW + 2 * LIFE, before=third.authorities)

    count = [len(x509.load_pem_x509_certificates(item.authorities)) for item in (first, second, third, late)]
    assert count == [1, 2, 2, 1]
    assert unfit(third, NAMES, NOW) is None


def test_the_key_that_signed_is_not_kept():
    made = make(NAMES, NOW)

    assert made.key.count(b"PRIVATE KEY") == 2  # one key: its first and its last line
    assert b"PRIVATE KEY" not in made.authorities + made.chain
    assert "PRIVATE" not in repr(made)


@pytest.mark.parametrize(
    ("change", "names", "now", "why"),
    [
        ({}, NAMES, NOW, None),
        ({}, NAMES[:1], NOW, None),
        ({}, NAMES, NOW + LIFE * 0.66, None),
        ({}, NAMES, NOW + LIFE * 0.67, "it ends on 2027-03-01"),
        ({}, NAMES, NOW + 2 * LIFE, "it ends on 2027-03-01"),
        ({}, (*NAMES, "192.0.2.8"), NOW, "it does not cover 192.0.2.8"),
        ({"chain": b""}, NAMES, NOW, "it cannot be read"),
        ({"chain": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, NAMES, NOW, "it cannot be read"),
        ({"authorities": b"nothing"}, NAMES, NOW, "it cannot be read"),
        ({"key": make(NAMES, NOW).key}, NAMES, NOW, "its key is another's"),
        ({"authorities": make(NAMES, NOW).authorities}, NAMES, NOW, "its authority did not sign it"),
    ],
)  # fmt: skip
def test_a_certificate_is_replaced_when_it_is_old_or_damaged_or_lacks_a_name(change, names, now, why):
    made = make(NAMES, NOW)
    parts = {"authorities": made.authorities, "chain": made.chain, "key": made.key} | change

    assert unfit(Certificate(**parts), names, now) == why


def test_a_certificate_holds_for_clocks_that_are_behind():
    server = x509.load_pem_x509_certificate(make(NAMES, NOW).chain)

    assert server.not_valid_before_utc == NOW - timedelta(hours=1)
