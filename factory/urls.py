"""Every address of Plumbline, by who keeps it."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("", include("factory.kit.health")),
    path("", include("factory.chrome")),
    path("", include("lineage.urls")),
    path("", include("governance.urls")),
    path("accounts/", include("governance.people.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
]

handler400 = "factory.kit.problems.bad_request"
handler403 = "factory.kit.problems.permission_denied"
handler404 = "factory.kit.problems.not_found"
handler500 = "factory.kit.problems.server_error"
