"""Certificates for your own cluster: an authority that signs one certificate, which all its processes share.

Scheduler, workers and clients all present it and require it from each other. Anyone with its key can run code on all of
them.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cutouts.core.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA, CERTIFICATE, KEY = "ca.pem", "node.pem", "node.key"
"""The files that `tls_ca_file`, `tls_cert` and `tls_key` name."""
_VALID = timedelta(days=3650)


def make_certificates(folder: Path) -> bool:
    """Write `CA`, `CERTIFICATE` and `KEY` into `folder`; False if all three are there already.

    The authority's own key is not stored, so that nobody can sign another certificate. Raises ConfigError if only some
    of the files are there, StorageError if they cannot be written.
    """
    there = [name for name in (CA, CERTIFICATE, KEY) if os.path.lexists(folder / name)]
    if len(there) == 3:
        return False
    if there:
        missing = "remove the folder, and run again to make all three"
        raise ConfigError(f"{folder} has only some of the certificates", [f"{name}: {missing}" for name in there])
    try:
        _write(folder)
    except OSError as error:
        raise StorageError(f"the certificates cannot be written: {error}") from error
    return True


def _write(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, node = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("cutouts authority", authority, issuer=None, signed_by=authority)
    certificate = _certificate("cutouts node", node, issuer=ca, signed_by=authority)
    key = node.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    folder.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / KEY, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(key)
    (folder / CERTIFICATE).write_bytes(certificate.public_bytes(s.Encoding.PEM))
    (folder / CA).write_bytes(ca.public_bytes(s.Encoding.PEM))


def _certificate(
    name: str, key: EllipticCurvePrivateKey, *, issuer: x509.Certificate | None, signed_by: EllipticCurvePrivateKey
) -> x509.Certificate:
    """A certificate for `key`; without an `issuer`, the self-signed certificate of an authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now, public, authority = datetime.now(UTC), signed_by.public_key(), issuer is None
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks differ
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(_usage(signs=authority), critical=True)
        .sign(signed_by, SHA256())
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    never = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=not signs, key_encipherment=False, key_cert_sign=signs, crl_sign=signs, **never
    )
