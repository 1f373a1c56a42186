"""What the browser tests look at: a little of everything that pages can show."""

from django.utils import timezone

from lineage.intake import refused
from tests.lineage.pages import told

DATASET = "dataset:bank/customers"
RUN_OF = "job:bank/load_customers"
CONFLICT = "dataset_version:bank/customers@v9"
DEPLOYMENT = "deployment:prod/scoring"
INCIDENT = "Approvals fell by half"
BROKEN = told.UNREADABLE


def tell_it() -> None:
    """Send the whole of it in."""
    facets = {
        "schema": told.facet(
            fields=[
                {"name": "id", "type": "INT", "description": "who"},
                {"name": "address", "type": "STRUCT", "fields": [{"name": "town", "type": "STRING"}]},
            ]
        ),
        "columnLineage": told.facet(
            fields={
                "id": {
                    "inputFields": [
                        {
                            "namespace": "bank",
                            "name": "raw",
                            "field": "ID",
                            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY"}],
                        }
                    ]
                }
            }
        ),
        "ownership": told.facet(owners=[{"name": "team:data", "type": "OWNER"}]),
        "documentation": told.facet(description="Everybody who has an account."),
        "vendor_thing": told.facet(setting={"deep": [1, {"deeper": True}]}),
    }
    for number in range(60):
        told.run(
            "load_customers",
            number,
            reads=("raw",),
            writes=("customers", f"extract_{number:02}"),
            facets=facets,
        )
    told.run("score", 61, reads=("customers",), writes=("scores",))
    told.version("customers", "v9", 62, digest="a" * 64, department="retail", classification="restricted")
    told.version("customers", "v9", 63, source="eve", digest="b" * 64, classification="public")
    model = {"namespace": "bank", "name": "credit", "version": "5"}
    told.event(
        "model_version.registered",
        {**model, "inputs": [{"namespace": "bank", "name": "customers", "version": "v9", "role": "train"}]},
        number=64,
    )
    told.event(
        "deployment.changed",
        {
            "namespace": "prod",
            "name": "scoring",
            "environment": "production",
            "state": "serving",
            "model": model,
            "share": 0.5,
            "department": "retail",
        },
        number=65,
    )
    told.event(
        "incident.opened",
        {"incident": "INC-1", "subject": DEPLOYMENT, "severity": "high", "title": INCIDENT},
        number=66,
    )
    for _ in range(3):
        told.tell("openlineage", BROKEN, source="airflow-night")
    _lacking()


def _lacking() -> None:
    """A source that numbers its events and left many numbers out, a run that never ended, refused pushes."""
    for number in range(1, 130, 2):
        sequence = {"sequence": str(number), "sequencetype": "Integer"}
        told.event("usage.recorded", {"meters": {"requests": 1}}, number=number, source="till", **sequence)
    told.run("stuck", 70, reads=("raw",), state="START")
    refused.count("openlineage", "", 401, "authentication_failed", timezone.now())
    refused.count("cloudevents", "till", 413, "too_large", timezone.now())
    refused.write()
