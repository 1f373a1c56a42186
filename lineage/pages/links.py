"""Where pages about a node are, and how a node is named in a sentence."""

from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from lineage.entities.keys import FACTORY, BadKey, NodeKey


def page(route: str, *args: str, **parameters: str) -> str:
    """Return the address of a page, or the empty string where there is no such page."""
    try:
        address = reverse(route, args=args)
    except NoReverseMatch:
        return ""
    given = {name: value for name, value in parameters.items() if value}
    return f"{address}?{urlencode(given)}" if given else address


def node_href(key: NodeKey | str) -> str:
    return page("lineage:entity", key=str(key))


def lineage_href(key: NodeKey | str) -> str:
    return page("lineage:lineage", node=str(key))


def failure_href(key: NodeKey | str, at: str = "") -> str:
    return page("lineage:failure", node=str(key), at=at)


def named(key: NodeKey | str) -> str:
    """A node's name as a sentence has it: `raw/applicants, version 2026-03-01`."""
    parsed = parse(key)
    if parsed is None:
        return str(key)
    return f"{parsed.name}, version {parsed.version}" if parsed.version else parsed.name


def parse(key: NodeKey | str) -> NodeKey | None:
    """Read a key; None where the text, which a source may have sent, is none."""
    try:
        return NodeKey.parse(key) if isinstance(key, str) else key
    except BadKey:
        return None


def node_link(key: NodeKey | str, title: str = "") -> SafeString:
    if parse(key) is None:
        return format_html("{}", title or key)
    return format_html('<a href="{}">{}</a>', node_href(key), title or named(key))


def of_one_kind(kind: str, name: str) -> NodeKey:
    """The key of something without a namespace of its own, such as a department."""
    return NodeKey(kind, FACTORY, name)
