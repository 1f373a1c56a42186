"""Ends a token, on record."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from factory.kit.recording import record
from governance.people.models import ApiToken, User

PERMISSION = "governance.change_apitoken"


def revoke_token(token: ApiToken, request: HttpRequest) -> bool:
    """Revoke the token for the person who asks; every process refuses it within a second.

    Returns False where it was revoked already, which changes and records nothing. Raises
    PermissionDenied where the person may not.
    """
    user = request.user
    if not isinstance(user, User) or not user.has_perm(PERMISSION):
        raise PermissionDenied("Only an administrator can revoke a token.")
    with transaction.atomic():
        standing = ApiToken.objects.filter(pk=token.pk, revoked_at=None)
        if not standing.update(revoked_at=timezone.now(), revoked_by=user):
            return False
        record("token.revoked", request=request, targets=[f"token:{token.pk}"], detail={"name": token.name})
    return True
