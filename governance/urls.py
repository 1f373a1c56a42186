"""The addresses of governance's pages. The REST interface is in `api`."""

from django.urls import include, path

from governance.pages import audit, entry, erasure, log, retention, tokens

app_name = "governance"
urlpatterns = [
    path("tlog/", include("governance.api.tlog")),
    path("audit/", audit.listing, name="audit"),
    path("audit/entry/<uuid:pk>/", entry.page, name="entry"),
    path("log/", log.page, name="log"),
    path("log/verify/", log.verify, name="log-verify"),
    path("log/verifications/", log.progress, name="log-verifications"),
    path("log/export/", log.export, name="log-export"),
    path("erasure/", erasure.listing, name="erasures"),
    path("erasure/of/<str:target>/", erasure.planned, name="erasure-plan"),
    path("erasure/<uuid:pk>/", erasure.one, name="erasure"),
    path("retention/", retention.page, name="retention"),
    path("retention/classes/new/", retention.edit, name="retention-class-new"),
    path("retention/classes/<int:pk>/", retention.edit, name="retention-class"),
    path("retention/holds/new/", retention.place_hold, name="retention-hold"),
    path("retention/holds/<uuid:pk>/lift/", retention.lift_hold, name="retention-lift"),
    path("retention/trial/", retention.trial, name="retention-trial"),
    path("retention/prune/", retention.prune, name="retention-prune"),
    path("retention/snapshots/<uuid:pk>/", retention.snapshot, name="retention-snapshot"),
    path("settings/tokens/", tokens.listing, name="tokens"),
    path("settings/tokens/new/", tokens.create, name="create-token"),
    path("settings/tokens/<uuid:pk>/revoke/", tokens.revoke, name="revoke-token"),
]
