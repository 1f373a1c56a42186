"""Links to nodes in templates."""

from django import template

from lineage.pages import links

register = template.Library()

register.filter("node_href", links.node_href)
register.filter("lineage_href", links.lineage_href)
register.filter("failure_href", links.failure_href)
register.filter("named", links.named)
register.filter("node_link", links.node_link)
