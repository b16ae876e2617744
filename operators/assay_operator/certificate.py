"""The webhook's certificate: made, and judged. No file and no API server is touched here.

The authority's key is thrown away once it has signed, so nobody can sign anything else with it. Clients trust the newest
authority and the one before it, so that replicas may change to a new certificate at different moments.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=365)
_RENEWED = LIFE / 3  # when less is left
_BACKDATED = timedelta(hours=1)  # for clocks that are behind


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A server's certificate with its key, and whom its clients trust; all PEM.

    Attributes:
        authorities: newest first.
        chain: the server's own certificate.
        key: its private key.

    """

    authorities: bytes
    chain: bytes
    key: bytes = field(repr=False)


def make(names: Sequence[str], now: datetime, *, before: bytes = b"") -> Certificate:
    """Make a certificate for names and addresses; `before` are the authorities of the one that it replaces."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    serial = x509.random_serial_number()
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"assay webhook authority {serial:x}"[:64])])
    authority = (
        _builder(issuer, authority_key.public_key(), now)
        .issuer_name(issuer)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_identifier(authority_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "assay webhook")])
    server = (
        _builder(subject, key.public_key(), now)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        .add_extension(_identifier(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    return Certificate(
        authorities=_pem(authority) + _newest(before, now),
        chain=_pem(server),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def unfit(certificate: Certificate, names: Sequence[str], now: datetime) -> str | None:
    """Say why a certificate must be replaced; None while it is good."""
    try:
        server = x509.load_pem_x509_certificate(certificate.chain)
        authorities = x509.load_pem_x509_certificates(certificate.authorities)
        key = serialization.load_pem_private_key(certificate.key, password=None)
        covered = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return "it cannot be read"
    if key.public_key() != server.public_key():
        return "its key is another's"
    try:
        server.verify_directly_issued_by(authorities[0])
    except (ValueError, TypeError, InvalidSignature):
        return "its authority did not sign it"
    if missing := [name for name in names if _general(name) not in covered]:
        return f"it does not cover {', '.join(missing)}"
    if min(item.not_valid_after_utc for item in (server, authorities[0])) - now < _RENEWED:
        return f"it ends on {server.not_valid_after_utc:%Y-%m-%d}"
    return None


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + LIFE)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _identifier(key: ec.EllipticCurvePrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _newest(authorities: bytes, now: datetime) -> bytes:
    """Return the first authority that still holds, or nothing where none can be read."""
    try:
        known = x509.load_pem_x509_certificates(authorities) if authorities else []
    except ValueError:
        return b""
    return next((_pem(item) for item in known if item.not_valid_after_utc > now), b"")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
