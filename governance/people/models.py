"""Who may act: people, who sign in, and sources, which hold a token."""

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone

from factory.kit.ids import new_id
from factory.kit.recording import Actor
from governance.people.scope import Scope


class UserManager(BaseUserManager["User"]):
    """Makes people; an e-mail address is kept in lower case, whoever spelt it."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Return a new person. Without a password they can't sign in with one."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email=(email or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person. Until roles exist, an administrator is `is_superuser`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints = [
            # With `unique` this makes addresses unique whatever their case.
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_in_lower_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def clean(self) -> None:
        super().clean()
        self.email = self.email.strip().lower()

    def get_full_name(self) -> str:
        return str(self)

    @property
    def actor(self) -> Actor:
        """This person as an audit entry names them."""
        return Actor("user", str(self.pk), authentication="session")


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def in_state(self, state: str) -> "TokenQuerySet":
        """Tokens whose `state` is now `active`, `expired` or `revoked`."""
        if state == "revoked":
            return self.filter(revoked_at__isnull=False)
        expired = Q(expires_at__isnull=False, expires_at__lte=timezone.now())
        return self.filter(expired if state == "expired" else ~expired, revoked_at=None)


class ApiToken(models.Model):
    """What a source shows to be let in. The secret itself is never kept, only its SHA-256: it is
    32 random bytes, so that no guessing helps and no slow hash is needed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    #: The source's name, by which lineage knows what it said.
    name = models.CharField(max_length=200)
    #: SHA-256 of the whole printed token, 32 bytes.
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    doors = ArrayField(models.CharField(max_length=40))
    #: Empty lets every event type through; an entry may end in `.*`.
    event_types = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    #: Empty lets every namespace through; an entry that ends in `*` is a prefix.
    namespaces = ArrayField(models.CharField(max_length=500), default=list, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    #: Nobody where the token was made at the machine's console.
    created_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    revoked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", editable=False)
    #: Written at most once a minute.
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"], condition=Q(revoked_at=None), name="token_name_once_among_unrevoked"
            ),
            models.CheckConstraint(
                condition=Q(revoked_at=None, revoked_by=None)
                | Q(revoked_at__isnull=False, revoked_by__isnull=False),
                name="token_revoked_by_someone_at_some_time",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("created_at")),
                name="token_expires_after_it_was_made",
            ),
            models.CheckConstraint(condition=Q(doors__len__gt=0), name="token_opens_a_door"),
            models.CheckConstraint(condition=~Q(name=""), name="token_has_a_name"),
        ]
        indexes = [models.Index(F("created_at").desc(), F("id").desc(), name="token_newest_first")]

    def __str__(self) -> str:
        return self.name

    @property
    def scope(self) -> Scope:
        return Scope(tuple(self.doors), tuple(self.event_types), tuple(self.namespaces))

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active"


def secret_digest(secret: str) -> bytes:
    """Return what is kept of a printed token, 32 bytes."""
    return hashlib.sha256(secret.encode()).digest()
