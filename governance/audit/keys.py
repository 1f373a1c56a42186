"""The keys of the log: those that sign now."""

from functools import cache

from django.conf import settings

from governance.audit.private_keys import PrivateKey, read_keys
from governance.audit.tlog.notes import Ed25519Signer, Signer


def signers() -> tuple[Signer, ...]:
    """Return what signs the log's checkpoints now, the current key first. Raises BadKey."""
    return opened(settings.LOG_KEY)


@cache
def opened(text: str) -> tuple[Signer, ...]:
    """Return the private keys of the setting LOG_KEY ready to sign; once in each process."""
    return tuple(_open(key) for key in read_keys(text))


def _open(key: PrivateKey) -> Signer:
    if isinstance(key, Ed25519Signer):
        return key
    from governance.audit.pkcs11 import TokenSigner  # a library that few need

    return TokenSigner(settings.LOG_ORIGIN, key, settings.LOG_KEY_PIN)
