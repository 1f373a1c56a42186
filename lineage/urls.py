"""Where lineage's pages and its REST interface are."""

from django.urls import include, path

from lineage.pages import (
    connect,
    entity,
    failure,
    intake,
    inventory,
    lineage,
    overview,
    search,
    source_report,
    sources,
    submission,
)

app_name = "lineage"

urlpatterns = [
    path("api/v1/", include("lineage.api.urls")),
    path("", overview.overview, name="overview"),
    path("search/", search.search, name="search"),
    path("inventory/<slug:kind>/", inventory.inventory, name="inventory"),
    path("node/", entity.entity, name="entity"),
    path("lineage/", lineage.lineage_page, name="lineage"),
    path("lineage.svg", lineage.lineage_svg, name="lineage_svg"),
    path("lineage.csv", lineage.lineage_csv, name="lineage_csv"),
    path("failure/", failure.failure_page, name="failure"),
    path("intake/", intake.intake, name="intake"),
    path("intake/replays/", intake.replay_progress, name="replays"),
    path("intake/replay/", intake.replay_quarantined, name="replay"),
    path("sources/", sources.sources, name="sources"),
    path("sources/report/", source_report.source_report, name="source-report"),
    path("submission/<uuid:pk>/", submission.submission, name="submission"),
    path("submission/<uuid:pk>/body/", submission.body, name="submission-body"),
    path("connect/", connect.connect, name="connect"),
    path("connect/arrived/", connect.arrived, name="connect-arrived"),
]
