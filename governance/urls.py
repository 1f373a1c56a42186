"""The addresses of governance's pages. The REST interface is in `api`."""

from django.urls import include, path

from governance.pages import audit, entry, log, tokens

app_name = "governance"
urlpatterns = [
    path("tlog/", include("governance.api.tlog")),
    path("audit/", audit.listing, name="audit"),
    path("audit/entry/<uuid:pk>/", entry.page, name="entry"),
    path("log/", log.page, name="log"),
    path("log/verify/", log.verify, name="log-verify"),
    path("log/verifications/", log.progress, name="log-verifications"),
    path("log/export/", log.export, name="log-export"),
    path("settings/tokens/", tokens.listing, name="tokens"),
    path("settings/tokens/new/", tokens.create, name="create-token"),
    path("settings/tokens/<uuid:pk>/revoke/", tokens.revoke, name="revoke-token"),
]
