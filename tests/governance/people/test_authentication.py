"""What a caller of the REST interface gets, with a token of each kind and without one."""

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from factory.kit.grants import MayAsk, MayUse
from factory.kit.problems import Problem
from tests import personas

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


class Door(APIView):
    permission_classes = [MayUse]
    door = "openlineage"

    def post(self, request: Request) -> Response:
        return Response({"source": str(request.user)}, status=201)


class Question(APIView):
    permission_classes = [MayAsk]

    def get(self, request: Request) -> Response:
        return Response({"asked_by": str(request.user)})

    post = get


class Row(serializers.Serializer):
    count = serializers.IntegerField()


class Table(serializers.Serializer):
    rows = Row(many=True)
    tags = serializers.ListField(child=serializers.CharField())


class Wrong(APIView):
    permission_classes = [MayAsk]

    def get(self, request: Request) -> Response:
        raise ERRORS[request.GET["what"]]

    def post(self, request: Request) -> Response:
        Table(data=request.data).is_valid(raise_exception=True)
        return Response({})


ERRORS = {
    "problem": Problem(
        409, "Used before", "the id was used", "id_reused", [{"pointer": "/id", "detail": "used"}]
    ),
    "missing": Http404("no such node"),
    "forbidden": PermissionDenied("not yours"),
    "database": OperationalError("server closed the connection"),
    "fault": KeyError("ours"),
}
urlpatterns = [
    path("api/v1/lineage", Door.as_view()),
    path("api/v1/nodes", Question.as_view()),
    path("api/v1/wrong", Wrong.as_view()),
]
handler404 = "factory.kit.problems.not_found"
handler500 = "factory.kit.problems.server_error"


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


@pytest.mark.parametrize(
    ("who", "push", "ask"),
    [
        (personas.airflow, 201, 403),
        (personas.gateway, 403, 403),
        (personas.auditor, 403, 200),
        (personas.everything, 201, 200),
        (personas.eve, 201, 403),
    ],
)
def test_each_token_opens_its_own_doors(client: Client, who, push: int, ask: int) -> None:
    headers = personas.bearer(who())
    pushed = client.post("/api/v1/lineage", headers=headers)
    asked = client.get("/api/v1/nodes", headers=headers)
    assert (pushed.status_code, asked.status_code) == (push, ask)
    for answer in (pushed, asked):
        if answer.status_code == 403:
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == "wrong_scope"


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer plb_wrong", "Basic YWxpY2U6eA==", "plb_wrong", "Bearer a b"],
)
def test_without_a_good_token_it_is_401(client: Client, authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    for answer in (
        client.post("/api/v1/lineage", headers=headers),
        client.get("/api/v1/nodes", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == 'Bearer realm="plumbline"'
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == 401 and answer.json()["detail"]


def test_the_word_bearer_has_no_case(client: Client) -> None:
    headers = {"Authorization": f"bearer {personas.airflow().secret}"}
    assert client.post("/api/v1/lineage", headers=headers).json() == {"source": "airflow"}


def test_a_person_asks_and_pushes_nothing(client: Client) -> None:
    client.force_login(personas.alice())
    assert client.get("/api/v1/nodes").json() == {"asked_by": "Alice Adler"}
    assert client.post("/api/v1/nodes").status_code == 403, "a session needs its CSRF token"
    assert client.post("/api/v1/lineage").status_code == 403


@pytest.mark.parametrize(
    ("what", "status", "body"),
    [
        (
            "problem",
            409,
            {
                "type": "about:blank",
                "title": "Used before",
                "status": 409,
                "code": "id_reused",
                "detail": "the id was used",
                "errors": [{"pointer": "/id", "detail": "used"}],
            },
        ),
        ("missing", 404, {"code": "not_found", "detail": "no such node"}),
        ("forbidden", 403, {"code": "permission_denied", "detail": "not yours"}),
        ("database", 503, {"code": "cannot_commit"}),
        ("fault", 500, {"code": "fault"}),
    ],
)
def test_every_error_is_a_problem(client: Client, what: str, status: int, body: dict[str, object]) -> None:
    client.force_login(personas.alice())
    answer = client.get("/api/v1/wrong", {"what": what})
    assert answer.status_code == status and answer["Content-Type"] == "application/problem+json"
    assert answer.json() | body == answer.json()
    assert ("Retry-After" in answer) is (status == 503)


def test_an_unknown_address_is_a_problem(client: Client) -> None:
    answer = client.get("/api/v1/elsewhere")
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


def test_invalid_values_are_pointed_at(client: Client) -> None:
    headers = personas.bearer(personas.everything())
    body = {"rows": [{"count": 1}, {"count": "x"}], "tags": ["a", None]}
    answer = client.post("/api/v1/wrong", body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert {error["pointer"] for error in answer.json()["errors"]} == {"/rows/1/count", "/tags/1"}
    broken = client.post("/api/v1/wrong", "{", content_type="application/json", headers=headers)
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
