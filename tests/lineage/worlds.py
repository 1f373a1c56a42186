"""Small worlds of events for the property tests: few names, few moments, everything that can go together.

Ten minutes, three datasets of which one has a second name, a model that is a dataset too, three runs,
two deployments. So most events touch, and many happen at the same moment.
"""

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.lineage import stories
from tests.lineage.stories import Sent

#: Every run tries the same examples, so that a build that was green stays green; set EXPLORE to try others.
EXPLORING = "EXPLORE" in os.environ


def examples(count: int) -> Callable[[Any], Any]:
    return settings(
        max_examples=int(os.environ.get("EXPLORE") or count),
        derandomize=not EXPLORING,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


_minutes = st.integers(0, 9)
_datasets = st.sampled_from(["raw", "clean", "features"])
_versions = st.sampled_from(["", "", "", "1", "2"])
_named_versions = st.sampled_from(["1", "2"])
_changes = st.sampled_from(["", "", "", "", "ALTER", "OVERWRITE", "TRUNCATE", "DROP", "CREATE", "RENAME"])
_runs = st.sampled_from(["night", "noon", "train"])
_sources = st.sampled_from(["airflow", "dbt"])
_classifications = st.sampled_from([None, "public", "internal", "restricted"])


@st.composite
def _items(draw: Any, most: int = 2) -> list[dict[str, Any]]:
    return [draw(_item()) for _ in range(draw(st.integers(0, most)))]


@st.composite
def _item(draw: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(["raw", "clean", "features", "features", "features_table", "risk"]))
    if name == "risk":
        return stories.item("risk", draw(_versions), model=draw(st.booleans()), namespace=stories.MODELS)
    change = draw(_changes)
    also = ["features_table"] if name == "features" and draw(st.booleans()) else []
    also += ["clean"] if also and draw(st.integers(0, 4)) == 0 else []
    old = draw(_datasets) if change == "RENAME" else ""
    if old == name:
        old, change = "", ""
    return stories.item(name, draw(_versions), change=change, renamed_from=old, also=also)


@st.composite
def _run_event(draw: Any) -> Sent:
    run = draw(_runs)
    return stories.ran(
        run,
        draw(_minutes),
        draw(st.sampled_from(["START", "RUNNING", "COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "ABORT"])),
        reads=draw(_items()),
        writes=draw(_items()),
        job=draw(st.sampled_from(["", "", "", "another job"])),
        parent=draw(st.sampled_from(["", "", "", "dag"])),
        source=draw(_sources),
    )


@st.composite
def _dataset_event(draw: Any) -> Sent:
    return stories.dataset_event(draw(_minutes), draw(_item()), draw(_sources))


@st.composite
def _job_event(draw: Any) -> Sent:
    return stories.job_event("job of night", draw(_minutes), reads=draw(_items()), writes=draw(_items()))


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, "")}


@st.composite
def _ref(draw: Any, /, **more: Any) -> dict[str, Any]:
    name = draw(st.sampled_from(["raw", "clean", "features", "features_table"]))
    return stories.ref(name, draw(_versions), **more)


@st.composite
def _declared(draw: Any, id_: str) -> Sent:
    return stories.declared(
        draw(st.sampled_from(["raw", "clean", "features", "features_table"])),
        draw(_named_versions),
        draw(_minutes),
        id_,
        **_given(
            operation=draw(st.sampled_from([None, "append", "append", "overwrite", "delete"])),
            previous=draw(st.sampled_from([None, "1", "0"])),
            classification=draw(_classifications),
            digest=draw(st.sampled_from([None, "sha256:aa", "sha256:bb"])),
            department=draw(st.sampled_from([None, "lending"])),
        ),
    )


@st.composite
def _registered(draw: Any, id_: str) -> Sent:
    return stories.registered(
        draw(st.sampled_from(["risk", "base"])),
        draw(_named_versions),
        draw(_minutes),
        id_,
        inputs=[draw(_ref(role="train"))] if draw(st.booleans()) else [],
        derived_from=[stories.ref("base", draw(_versions), stories.MODELS, relation="base")]
        if draw(st.booleans())
        else [],
        **_given(run={"id": stories.run_id(draw(_runs))} if draw(st.integers(0, 3)) == 0 else None),
    )


@st.composite
def _deployed(draw: Any, id_: str) -> Sent:
    return stories.deployed(
        draw(st.sampled_from(["scorer", "scorer", "edge"])),
        draw(st.sampled_from(["risk", "risk", "base"])),
        draw(_named_versions),
        draw(_minutes),
        id_,
        draw(st.sampled_from(["serving", "serving", "serving", "stopped", "failed"])),
        **_given(
            share=draw(st.sampled_from([None, None, 0.25, 0, 1])),
            observed=draw(st.sampled_from([None, True])),
        ),
    )


@st.composite
def _answered(draw: Any, id_: str) -> Sent:
    return stories.answered(
        draw(st.sampled_from(["o1", "o2"])),
        draw(st.sampled_from(["scorer", "edge"])),
        draw(_minutes),
        id_,
        inputs=[draw(_ref(role="features"))] if draw(st.booleans()) else [],
        **_given(model=draw(st.sampled_from([None, None, stories.ref("risk", "1", stories.MODELS)]))),
    )


@st.composite
def _agent(draw: Any, id_: str) -> Sent:
    return stories.told(
        "agent.registered",
        draw(_minutes),
        id_,
        agent="helper",
        title="Support assistant",
        department="service",
        owner="bob@bank.example",
        state=draw(st.sampled_from(["active", "suspended"])),
        **_given(
            version=draw(_versions),
            deployment=stories.ref("scorer", namespace=stories.MODELS),
            indexes=[draw(_ref())],
        ),
    )


@st.composite
def _used(draw: Any, id_: str) -> Sent:
    return stories.told("usage.recorded", draw(_minutes), id_, meters={"requests": draw(st.integers(1, 3))})


@st.composite
def events(draw: Any, most: int = 12) -> list[Sent]:
    """A world: different events, each CloudEvent with an id of its own, some taken back."""
    world: list[Sent] = []
    ways = [_run_event, _run_event, _run_event, _run_event, _dataset_event, _job_event]
    told = [_declared, _declared, _registered, _registered, _deployed, _deployed, _answered, _agent, _used]
    for index in range(draw(st.integers(2, most))):
        place = draw(st.integers(0, len(ways) + len(told) + 1))
        ids = [one for one in world if "id" in one.event and "retract" not in one.event["type"]]
        if place < len(ways):
            world.append(draw(ways[place]()))
        elif place < len(ways) + len(told):
            world.append(draw(told[place - len(ways)](f"e{index}")))
        elif ids:
            world.append(stories.retracted(draw(st.sampled_from(ids)), draw(_minutes), f"e{index}"))
    return list({one.body: one for one in world}.values())


@st.composite
def deliveries(draw: Any, world: list[Sent]) -> list[list[Sent]]:
    """The world's events in some order, some of them twice, cut into transactions."""
    again = draw(st.lists(st.sampled_from(world), max_size=3)) if world else []
    order = draw(st.permutations(world + again))
    cuts = draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    groups: list[list[Sent]] = []
    for one, cut in zip(order, cuts, strict=True):
        if cut or not groups:
            groups.append([])
        groups[-1].append(one)
    return groups
