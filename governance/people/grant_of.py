"""Tells what a source could send at a moment, by the token that it held then."""

from datetime import datetime

from governance.people.authentication import TokenGrant
from governance.people.models import ApiToken


def grant_of(source: str, at: datetime) -> TokenGrant | None:
    """Return the grant of the token that the source held; see `factory.kit.grants.grant_of`."""
    token = ApiToken.objects.filter(name=source, created_at__lte=at).order_by("-created_at").first()
    if token is None:
        return None
    return TokenGrant(str(token.pk), token.name, token.scope, token.expires_at)
