import pytest

from governance.people.scope import BadScope, Scope


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["all"], Scope(("all",))),
        (["openlineage"], Scope(("openlineage",))),
        (["door:otlp", "questions"], Scope(("otlp", "questions"))),
        (["openlineage", "openlineage"], Scope(("openlineage",))),
        (["all", "namespace:bank*"], Scope(("all",), (), ("bank*",))),
        (["cloudevents", "type:factory.usage.*"], Scope(("cloudevents",), ("factory.usage.*",))),
        (
            ["namespace:s3://lake"],
            Scope(("openlineage", "cloudevents", "otlp", "mlflow"), (), ("s3://lake",)),
        ),
    ],
)
def test_scopes_are_read_from_words(words: list[str], expected: Scope) -> None:
    assert Scope.parse(words) == expected


@pytest.mark.parametrize("words", [[], ["back"], ["door:back"], ["type:"], ["colour:red"], ["all", "ALL"]])
def test_other_words_are_refused(words: list[str]) -> None:
    with pytest.raises(BadScope):
        Scope.parse(words)


@pytest.mark.parametrize(
    ("doors", "door", "allowed"),
    [
        (["openlineage"], "openlineage", True),
        (["openlineage"], "cloudevents", False),
        (["openlineage"], "questions", False),
        (["all"], "mlflow", True),
        (["all"], "questions", True),
        (["questions"], "openlineage", False),
    ],
)
def test_doors(doors: list[str], door: str, allowed: bool) -> None:
    assert Scope(tuple(doors)).may_use(door) is allowed


@pytest.mark.parametrize(
    ("types", "namespaces", "event_type", "namespace", "refused_for"),
    [
        ([], [], "factory.usage.recorded", "bank", None),
        (["factory.usage.*"], [], "factory.usage.recorded", "bank", None),
        (["factory.usage.*"], [], "factory.usages.recorded", "bank", "type"),
        (["factory.usage.*"], [], "factory.usage", "bank", "type"),
        (["factory.usage.recorded"], [], "factory.usage.recorded.v2", "bank", "type"),
        (["RunEvent", "JobEvent"], [], "JobEvent", "bank", None),
        ([], ["bank"], "RunEvent", "bank", None),
        ([], ["bank"], "RunEvent", "bank2", "namespace"),
        ([], ["bank*"], "RunEvent", "bank2", None),
        ([], ["bank*"], "RunEvent", "Bank", "namespace"),
        ([], ["*"], "RunEvent", "anything", None),
        ([], ["bank"], "RunEvent", "", "namespace"),
        (["RunEvent"], ["bank"], "RunEvent", "shop", "namespace"),
    ],
)
def test_what_may_be_sent(
    types: list[str], namespaces: list[str], event_type: str, namespace: str, refused_for: str | None
) -> None:
    reason = Scope(("all",), tuple(types), tuple(namespaces)).may_send(event_type, namespace)
    assert (reason is None) if refused_for is None else (reason is not None and refused_for in reason)


def test_a_scope_reads_as_a_sentence() -> None:
    scope = Scope(("cloudevents", "questions"), ("factory.usage.*",), ("bank*",))
    assert str(scope) == "CloudEvents, Questions (read); event types factory.usage.*; namespaces bank*"
