"""What every page shows around its content: the menu, the mode, the theme."""

from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import NoReverseMatch, path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from factory.kit import disk

THEMES = {"auto": "As the system", "light": "Light", "dark": "Dark"}
THEME_COOKIE = "theme"
YEAR_IN_SECONDS = 365 * 24 * 3600


class MenuItem(NamedTuple):
    """One line of the menu. `under` is the path prefix whose pages belong to it."""

    title: str
    route: str
    icon: str
    args: tuple[str, ...] = ()
    under: str = ""


MENU = (
    MenuItem("Overview", "lineage:overview", "layout-dashboard"),
    MenuItem("Inventory", "lineage:inventory", "stack-2", ("dataset",), "/inventory/"),
    MenuItem("Lineage", "lineage:lineage", "sitemap"),
    MenuItem("Trace a failure", "lineage:failure", "urgent"),
    MenuItem("Intake health", "lineage:intake", "activity-heartbeat"),
    MenuItem("Sources", "lineage:sources", "antenna"),
    MenuItem("Connect a source", "lineage:connect", "plug-connected"),
    MenuItem("Audit trail", "governance:audit", "clipboard-list"),
    MenuItem("Verify the log", "governance:log", "shield-check"),
    MenuItem("Erasure", "governance:erasures", "eraser"),
    MenuItem("Retention", "governance:retention", "hourglass"),
    MenuItem("Tokens", "governance:tokens", "key"),
)


def address(route: str, *args: str) -> str:
    """Return the address of a route, or the empty string where this installation has no such page."""
    try:
        return reverse(route, args=args)
    except NoReverseMatch:
        return ""


def menu(path_now: str) -> list[dict[str, Any]]:
    """Return the menu's lines `{title, icon, href, here}`, only those that lead somewhere."""
    lines = []
    for item in MENU:
        if href := address(item.route, *item.args):
            under = item.under or href
            here = path_now == "/" if under == "/" else path_now.startswith(under)
            lines.append({"title": item.title, "icon": item.icon, "href": href, "here": here})
    return lines


def theme_of(request: HttpRequest) -> str:
    """Return the theme that the person chose: `auto`, `light` or `dark`."""
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    return theme if theme in THEMES else "auto"


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Context processor of every page."""
    return {
        "trial": settings.MODE == "trial",
        "disk": disk.space(),
        "menu": menu(request.path),
        "theme": theme_of(request),
        "themes": THEMES,
    }


@login_not_required
@require_POST
def set_theme(request: HttpRequest) -> HttpResponseRedirect:
    """Keep the chosen theme in a cookie, and go back to the page that asked."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    theme = request.POST.get("theme", "auto")
    if theme in THEMES and theme != "auto":
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=YEAR_IN_SECONDS,
            samesite="Lax",
            secure=request.is_secure(),
            httponly=True,
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


urlpatterns = [path("theme/", set_theme, name="theme")]
