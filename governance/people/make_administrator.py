"""Makes an administrator, or gives one a new password, on record."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from factory.kit.recording import CONSOLE, record
from governance.people.models import User


def make_administrator(email: str, password: str, name: str = "", *, reset: bool = False) -> User:
    """Return a person who may do everything, made at the console.

    With `reset`, a person of that address gets the new password instead, and nothing else changes.
    Raises ValidationError where the address or the password isn't valid or the address is taken.
    """
    email = email.strip().lower()
    validate_email(email)
    existing = User.objects.filter(email=email).first()
    if existing is not None and not reset:
        raise ValidationError(f"{email} exists already; --reset gives that person a new password")
    if existing is None and reset:
        raise ValidationError(f"there is nobody with the address {email}")
    validate_password(password, existing or User(email=email, name=name))
    with transaction.atomic():
        if existing is not None:
            existing.set_password(password)
            existing.save(update_fields=["password"])
            record("user.password_changed", actor=CONSOLE, targets=[f"user:{existing.pk}"])
            return existing
        user = User.objects.create_user(email, password, name=name, is_superuser=True)
        record("user.created", actor=CONSOLE, targets=[f"user:{user.pk}"], detail={"administrator": True})
        return user
