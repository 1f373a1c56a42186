"""Django settings. Everything a person may set comes from the environment; README lists it."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from factory.kit.secrets import kept_secret, random_secret
from governance.audit.signing.private_keys import BadKey, new_key, origin_of, read_keys
from governance.audit.tlog.policy import PolicyError
from governance.audit.witness.askable import read_policy

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str = "") -> str:
    """Return the setting NAME, or the text of the file that NAME_FILE names."""
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip()
        except (OSError, ValueError) as problem:
            raise ImproperlyConfigured(f"{name}_FILE can't be read: {problem}") from None
    return os.environ.get(name, default)


# --- where things are -----------------------------------------------------------------------------
VAR = Path(env("PLUMBLINE_VAR") or BASE_DIR / "var").resolve()
PORT = int(env("PORT", "8000"))
#: The address to listen on: in trial mode, whose passwords lie open in VAR, this machine only.
HOST = env("HOST", "127.0.0.1" if env("PLUMBLINE_MODE", "trial") == "trial" else "0.0.0.0")  # noqa: S104
PUBLIC_URL = env("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")
SAMPLE = env("SAMPLE", "1") != "0"

MODE = env("PLUMBLINE_MODE", "trial")
if MODE not in ("trial", "production"):
    raise ImproperlyConfigured("PLUMBLINE_MODE is `trial` or `production`")
PRODUCTION = MODE == "production"


def secret(name: str, make: Callable[[], str] = random_secret) -> str:
    """Return a secret from the environment; in trial mode one that this installation keeps in VAR."""
    if value := env(name):
        return value
    if PRODUCTION:
        raise ImproperlyConfigured(f"PLUMBLINE_MODE=production needs {name} (or {name}_FILE)")
    return kept_secret(VAR / "keys" / name.lower(), make)


DEBUG = False
SECRET_KEY = secret("SECRET_KEY")
#: Wraps the keys that bodies at rest are encrypted under: 32 bytes, URL-safe base64.
BODY_KEY = secret("BODY_KEY")
#: The private keys that sign the audit log, and the name that it keeps for life (docs/keys.md).
try:
    _origin = env("LOG_ORIGIN") or (
        "" if PRODUCTION and not env("PUBLIC_URL") else PUBLIC_URL.split("://")[-1]
    )
    LOG_KEY = secret("LOG_KEY", lambda: new_key(_origin))
    LOG_ORIGIN = origin_of(read_keys(LOG_KEY), env("LOG_ORIGIN"), _origin)
except BadKey as problem:
    raise ImproperlyConfigured(str(problem)) from None
#: Opens the token that LOG_KEY names, where it names one.
LOG_KEY_PIN = env("LOG_KEY_PIN")
#: Whose cosignatures a checkpoint needs to be published (c2sp.org/tlog-policy); None: nobody's.
try:
    WITNESS_POLICY = read_policy(env("WITNESS_POLICY"))
except PolicyError as problem:
    raise ImproperlyConfigured(f"WITNESS_POLICY: {problem}") from None
#: The authority that stamps the log each hour (RFC 3161), and a file of certificates that it must lead to.
TIMESTAMP_URL = env("TIMESTAMP_URL")
TIMESTAMP_CA = env("TIMESTAMP_CA")
if TIMESTAMP_URL and not Path(TIMESTAMP_CA).is_file():
    raise ImproperlyConfigured("TIMESTAMP_URL needs TIMESTAMP_CA, a file of certificates to trust, in PEM")
ALLOWED_HOSTS = [host for host in env("ALLOWED_HOSTS", "" if PRODUCTION else "*").split(",") if host]
if PRODUCTION and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("PLUMBLINE_MODE=production needs ALLOWED_HOSTS")

# --- what it is made of ---------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "factory.kit.static.ServedFiles",
    "django.contrib.postgres",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "allauth",
    "allauth.account",
    "django_htmx",
    "factory",
    "lineage",
    "governance",
]
MIDDLEWARE = [
    "factory.kit.health.count_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "factory.kit.caching.keep_private",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "factory.urls"
WSGI_APPLICATION = "factory.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "factory.chrome.chrome",
            ],
        },
    }
]

# --- the database: always PostgreSQL, the embedded one unless DATABASE_URL names another ----------
DATABASE_URL = env("DATABASE_URL")
EMBEDDED_DATABASE = not DATABASE_URL
if EMBEDDED_DATABASE:
    from factory.database import embedded_url

    DATABASE_URL = embedded_url(VAR)
DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=None, conn_health_checks=True)}
# What we ask is short: compiling it takes longer than answering it.
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("options", "-c jit=off")
# Planning it takes longer, too: what is asked for every event is prepared (`factory.kit.bulk.fetch_often`).
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- work in the background -----------------------------------------------------------------------
CELERY_BROKER_URL = env("CELERY_BROKER_URL") or "filesystem://"
EMBEDDED_BROKER = CELERY_BROKER_URL == "filesystem://"
if EMBEDDED_BROKER:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(VAR / "broker" / "messages"),
        "data_folder_out": str(VAR / "broker" / "messages"),
        "control_folder": str(VAR / "broker" / "control"),
    }
    for folder in ("messages", "control"):
        (VAR / "broker" / folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
#: What the scheduler sends: `{name: {"task": dotted name, "schedule": seconds or crontab}}`.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, object]] = {
    "resume replays": {"task": "lineage.intake.work.resume_replays", "schedule": 60},
    "watch sources": {"task": "lineage.intake.watch.watch_sources", "schedule": 15},
    "resume verifications": {"task": "governance.audit.verifying.resume_verifications", "schedule": 60},
    "thin checkpoints": {"task": "governance.audit.thin.thin_checkpoints", "schedule": 3600},
    "verify the log": {"task": "governance.audit.verifying.verify_nightly", "schedule": 24 * 3600},
    "resume erasures": {"task": "governance.erasure.erase.resume_erasures", "schedule": 60},
    "erase again": {"task": "governance.erasure.owed.erase_again", "schedule": 600},
    "count entries": {"task": "governance.audit.retention.tally.count_entries", "schedule": 60},
    "resume prunings": {"task": "governance.audit.retention.work.resume_prunings", "schedule": 60},
    "prune what is due": {"task": "governance.audit.retention.work.prune_what_is_due", "schedule": 24 * 3600},
    "clear sessions": {"task": "governance.people.tidy.clear_sessions", "schedule": 24 * 3600},
}

# --- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "governance.people.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False

#: What lower rooms ask of higher ones, by name (see README, "Rooms").
AUDIT_APPEND = "governance.audit.append.append"
INTAKE_DOUBTS = "lineage.intake.sources.doubts"
TOKEN_ISSUER = "governance.people.issue_token.issue_token"  # noqa: S105 a name
GAUGES = "governance.audit.gauges.gauges"
GRANT_OF = "governance.people.grant_of.grant_of"

#: Counts failed sign-ins, so it must be one for all web processes on all machines: PostgreSQL.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "factory_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- the REST interface ---------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "governance.people.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["factory.kit.grants.MayAsk"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "factory.kit.negotiation.Lenient",
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "factory.kit.problems.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Plumbline",
    "DESCRIPTION": "Lineage and usage events in; traces, decisions and proofs out.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

# --- bounds of what is taken in -------------------------------------------------------------------
MAX_EVENT_BYTES = 10 * 1000 * 1000
MAX_BATCH_BYTES = 64 * 1024 * 1024
MAX_BATCH_EVENTS = 100_000
#: How far ahead of Plumbline's own clock an event's time may lie.
FUTURE_TOLERANCE = timedelta(hours=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BATCH_BYTES
#: A source that has sent nothing for this many times its longest pause has fallen silent.
SILENT_AFTER_PAUSES = 2
#: A run of which nothing was heard for this many times the longest of its job's latest runs never ended;
#: where too few of the job's runs have ended to tell, after so long.
RUNS_UNENDED_FACTOR = 2
RUNS_UNENDED_AFTER = timedelta(days=1)
#: Seconds after which a process writes down what its doors refused; 0 does it at once.
REFUSALS_WRITTEN_AFTER = 0.5
#: With less free on the disk it is said on every page; with less, nothing more is taken in.
DISK_WARNING_BYTES = int(env("DISK_WARNING_MB", "5000")) * 1_000_000
DISK_FULL_BYTES = int(env("DISK_FULL_MB", "500")) * 1_000_000

# --- pages ----------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("vendor/tabler/css", BASE_DIR / "node_modules/@tabler/core/dist/css"),
    ("vendor/htmx", BASE_DIR / "node_modules/htmx.org/dist"),
    ("vendor/plotly", BASE_DIR / "node_modules/plotly.js-cartesian-dist-min"),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
TIME_ZONE = "UTC"
USE_TZ = True
LANGUAGE_CODE = "en-gb"
USE_I18N = False

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_HTTPS
SECURE_SSL_REDIRECT = SECURE_HTTPS and PRODUCTION
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_HTTPS and PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = bool(SECURE_HSTS_SECONDS)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_HTTPS else None
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
#: HTTPS ends at one proxy in front of us, which says in X-Forwarded-For whose request it passes on.
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES = 1 if SECURE_HTTPS else 0


# --- logs -----------------------------------------------------------------------------------------
LOGGING_CONFIG = "factory.kit.logs.configure"
LOGGING = {"json": PRODUCTION}
