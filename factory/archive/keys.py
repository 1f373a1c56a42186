"""Which keys an archive needs: their fingerprints, never the keys. An archive must not open itself."""

import hashlib
import hmac

from django.conf import settings

from governance.audit.models import SubjectKey
from lineage.intake.models import BodyKey, PeriodKey


def fingerprints() -> dict[str, str]:
    """Return the fingerprint of each key that the data can't do without, by the name of its setting."""
    return {"BODY_KEY": _derived("fingerprint of BODY_KEY").hex()[:32]}


def seal_key() -> bytes:
    """Return the key of the archive's seal. Whoever doesn't hold BODY_KEY can't change an archive unseen."""
    return _derived("seal of archives")


def give_up_closed() -> dict[str, int]:
    """Delete the keys that only a lost BODY_KEY opens, so that new ones are made; return how many there were.

    What they opened counts as destroyed from here on. In the caller's transaction.
    """
    return {
        "bodies": BodyKey.objects.all().delete()[0],
        "months": PeriodKey.objects.all().delete()[0],
        "subjects": SubjectKey.objects.all().delete()[0],
    }


def _derived(purpose: str) -> bytes:
    return hmac.new(settings.BODY_KEY.encode(), f"plumbline {purpose}".encode(), hashlib.sha256).digest()
