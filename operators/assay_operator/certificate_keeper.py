"""One certificate for all replicas, in a Secret: created or read, renewed by one, trusted by the API server.

Whoever comes first creates it; a conflict means that another was faster, and theirs is read. The server's TLS context
takes a new certificate while it serves: the next handshake uses it.
"""

import asyncio
import base64
import contextlib
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from assay.errors import AssayError
from assay_operator.api import ApiClient
from assay_operator.certificate import Certificate, make, unfit

log = logging.getLogger(__name__)

FIELD_MANAGER = "assay-operator"
_FIELDS = {"authorities": "ca.crt", "chain": "tls.crt", "key": "tls.key"}
_TRIES = 5
_IMPATIENCE = 5.0  # seconds between tries while there is nothing to serve
_NOT_FOUND, _CONFLICT, _FORBIDDEN = 404, 409, 403


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the certificate lies and who must trust it."""

    namespace: str
    secret: str
    webhook_configuration: str
    names: Sequence[str]  # that the webhook is reached by


class CertificateKeeper:
    """Keeps the shared certificate young, loaded and trusted."""

    def __init__(
        self,
        api: ApiClient,
        place: Place,
        *,
        folder: Path,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._secrets = client.CoreV1Api(api)
        self._webhooks = client.AdmissionregistrationV1Api(api)
        self._place = place
        self._folder = folder
        self._clock = clock
        self._loaded: Certificate | None = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2

    @property
    def loaded(self) -> bool:
        """Whether a certificate is served."""
        return self._loaded is not None

    async def refresh(self) -> None:
        """Agree with the other replicas on a certificate, have it trusted, and serve it.

        Raises:
            AssayError: the API server did not let it.

        """
        certificate = await asyncio.to_thread(self._agreed_and_trusted)
        self.load(certificate)  # on the event loop, so that no handshake comes in between

    async def keep(self, every: float = 60.0) -> None:
        """Refresh now, and again for ever; a failure is logged, and what is loaded is served on."""
        while True:
            try:
                await self.refresh()
            except AssayError as error:
                log.warning("the webhook's certificate was not refreshed: %s", error)
            await asyncio.sleep(every if self.loaded else _IMPATIENCE)

    def load(self, certificate: Certificate) -> None:
        """Serve a certificate from the next handshake on."""
        if certificate == self._loaded:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        chain, key = self._folder / "tls.crt", self._folder / "tls.key"
        for path, content in ((chain, certificate.chain), (key, certificate.key)):
            path.unlink(missing_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
        self.context.load_cert_chain(chain, key)
        self._loaded = certificate

    def agree(self) -> Certificate:
        """Return the certificate in the Secret, after creating or renewing it where that is needed.

        Raises:
            ApiException: the API server refused.
            AssayError: the others kept changing it.

        """
        for _ in range(_TRIES):
            found = self._read()
            certificate = _certificate_in(found)
            why = unfit(certificate, self._place.names, self._clock()) if certificate else "there is none"
            if certificate is not None and why is None:
                return certificate
            before = certificate.authorities if certificate is not None else b""
            made = make(self._place.names, self._clock(), before=before)
            with contextlib.suppress(_Taken):
                self._write(made, found)
                log.info("made the webhook's certificate: %s", why)
                return made
        raise AssayError(
            f"Secret {self._place.namespace}/{self._place.secret}",
            f"found it changed {_TRIES} times while it was read, expected rest",
            "Look for what else writes it.",
        )

    def _agreed_and_trusted(self) -> Certificate:
        where = f"Secret {self._place.namespace}/{self._place.secret}"
        try:
            for _ in range(_TRIES):
                registered = (
                    self._registered()
                )  # read before the Secret: a newer one makes the patch a conflict
                certificate = self.agree()
                with contextlib.suppress(_Taken):
                    self._trust(registered, certificate)
                    return certificate
        except ApiException as error:
            raise AssayError(
                where,
                f"found the API server's answer {error.status} {error.reason}, expected to read and write it",
                "Look at the operator's Role.",
            ) from error
        except (HTTPError, OSError) as error:
            raise AssayError(
                where, f"found no API server ({type(error).__name__}), expected one", "It is tried again."
            ) from error
        raise AssayError(
            f"ValidatingWebhookConfiguration {self._place.webhook_configuration}",
            f"found it changed {_TRIES} times while it was patched, expected rest",
            "Look for what else writes it.",
        )

    def _read(self) -> client.V1Secret | None:
        try:
            return self._secrets.read_namespaced_secret(self._place.secret, self._place.namespace)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _write(self, certificate: Certificate, found: client.V1Secret | None) -> None:
        data: dict[str, bytes | str] = {
            name: _text(getattr(certificate, part)) for part, name in _FIELDS.items()
        }
        place = self._place
        try:
            if found is None:
                body = client.V1Secret(
                    metadata=client.V1ObjectMeta(name=place.secret), type="kubernetes.io/tls", data=data
                )
                self._secrets.create_namespaced_secret(place.namespace, body, field_manager=FIELD_MANAGER)
            else:
                found.data = data
                self._secrets.replace_namespaced_secret(
                    place.secret, place.namespace, found, field_manager=FIELD_MANAGER
                )
        except ApiException as error:
            if error.status in (_CONFLICT, _NOT_FOUND):
                raise _Taken from error
            raise

    def _registered(self) -> client.V1ValidatingWebhookConfiguration | None:
        """The webhook's registration; None where it is not installed, or not ours to read."""
        name = self._place.webhook_configuration
        try:
            return self._webhooks.read_validating_webhook_configuration(name)
        except ApiException as error:
            if error.status in (_NOT_FOUND, _FORBIDDEN):
                log.warning("ValidatingWebhookConfiguration %s cannot be read: %s", name, error.reason)
                return None
            raise

    def _trust(
        self, registered: client.V1ValidatingWebhookConfiguration | None, certificate: Certificate
    ) -> None:
        """Have the API server trust the certificate's authorities."""
        bundle = _text(certificate.authorities)
        if registered is None or registered.metadata is None:
            return
        stale = [
            webhook.name for webhook in registered.webhooks or [] if webhook.client_config.ca_bundle != bundle
        ]
        if not stale:
            return
        body = {
            "metadata": {"resourceVersion": registered.metadata.resource_version},
            "webhooks": [{"name": name, "clientConfig": {"caBundle": bundle}} for name in stale],
        }
        try:
            self._webhooks.patch_validating_webhook_configuration(
                self._place.webhook_configuration,
                body,
                field_manager=FIELD_MANAGER,
                _content_type="application/strategic-merge-patch+json",
            )
        except ApiException as error:
            if error.status == _CONFLICT:
                raise _Taken from error
            raise
        log.info("the API server trusts the webhook's certificate")


class _Taken(Exception):
    """Another replica was faster."""


def _certificate_in(secret: client.V1Secret | None) -> Certificate | None:
    if secret is None or not secret.data:
        return None
    try:
        parts = {part: base64.b64decode(secret.data[name]) for part, name in _FIELDS.items()}
    except (KeyError, ValueError, TypeError):
        return None
    return Certificate(**parts)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
