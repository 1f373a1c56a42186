"""Logs: one line an event, JSON in production, words in trial mode; secrets are blotted out."""

import logging.config
import re
from typing import Any

import structlog

#: Members of an event whose value is never written.
SECRET_NAMES = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|api_?key|credential|database_url", re.I
)
#: Parts of a text that are never written: bearer tokens, and the password of an address.
SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+"), r"\1 …"),
    (re.compile(r"(\w+://[^\s:/@]*):[^\s@/]+@"), r"\1:…@"),
)


def blot_out(logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Processor: take secrets out of an event, by the name of a member and by how they look."""
    for name, value in event.items():
        if name != "event" and SECRET_NAMES.search(name):
            event[name] = "…"
        elif isinstance(value, str):
            for pattern, replacement in SECRET_TEXTS:
                value = pattern.sub(replacement, value)
            event[name] = value
    return event


def configure(options: dict[str, Any]) -> None:
    """Set logging up; settings.LOGGING_CONFIG names this. `options`: `json`, whether lines are JSON."""
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        blot_out,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(colors=False)
    if options.get("json"):
        renderer = structlog.processors.JSONRenderer()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": before,
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": "INFO"},
            "loggers": {
                # A 4xx is the sender's affair; the doors keep what they refuse.
                "django.request": {"level": "ERROR"},
                "django.security.DisallowedHost": {"level": "CRITICAL"},
                "httpx": {"level": "WARNING"},
                # Warns at every start that a broker made of files has no host name.
                "kombu.connection": {"level": "ERROR"},
            },
        }
    )
