"""Which files of the installed front-end libraries are served."""

from django.contrib.staticfiles.apps import StaticFilesConfig


class ServedFiles(StaticFilesConfig):
    """Leaves out what no page uses: Tabler's further styles, its libraries and right-to-left variants,
    other builds of htmx."""

    ignore_patterns = [
        *StaticFilesConfig.ignore_patterns,
        "tabler-*",
        "*.rtl.*",
        "htmx.amd.*",
        "htmx.cjs.*",
        "htmx.esm.*",
        "*.gz",
        "ext",
    ]
