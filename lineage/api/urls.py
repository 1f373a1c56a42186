"""Where the REST interface is."""

from django.urls import path

from lineage.api import doors, questions, sources

urlpatterns = [
    path("lineage", doors.OpenLineageView.as_view(), name="openlineage"),
    path("lineage/batch", doors.OpenLineageBatchView.as_view(), name="openlineage-batch"),
    path("events", doors.CloudEventsView.as_view(), name="cloudevents"),
    path("events/schemas/", doors.SchemaListView.as_view(), name="event-types"),
    path("events/schemas/<str:event_type>", doors.SchemaView.as_view(), name="event-schema"),
    path("nodes", questions.NodesView.as_view(), name="nodes"),
    path("node", questions.NodeView.as_view(), name="node"),
    path("trace", questions.TraceView.as_view(), name="trace"),
    path("sources", sources.SourcesView.as_view(), name="sources"),
    path("sources/report", sources.SourceReportView.as_view(), name="source-report"),
    path("serving", questions.ServingView.as_view(), name="serving"),
]
