"""Which numbers the sources left out: the same whatever the order of arrival."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.kit.bulk import fetch
from lineage.intake import numbering
from lineage.intake.cloudevents.sequence import sequence_of
from lineage.intake.derived import Sequence
from lineage.intake.source_models import Numbered, NumberRange, Stream, StreamSender
from tests.lineage import stories
from tests.lineage.stories import Sent, send, send_together
from tests.lineage.worlds import examples

pytestmark = pytest.mark.django_db


def numbered(number: object, id_: str = "", source: str = "desk", kind: str = "Integer", **more: Any) -> Sent:
    """A usage event of this number, with an id of its own where none is given."""
    sent = stories.told("usage.recorded", 1, id_ or f"e{number}", source, meters={"requests": 1}, **more)
    sent.event["sequence"] = number if isinstance(number, str) else str(number)
    if kind:
        sent.event["sequencetype"] = kind
    return sent


def of(name: str = "desk") -> numbering.Numbering:
    numbering.fold()
    [one] = numbering.numberings(name)
    return one


def ranges(name: str = "desk") -> list[tuple[int, int]]:
    return [(gap.low, gap.high) for gap in gaps(name)]


def gaps(name: str = "desk") -> list[numbering.Gap]:
    stream = of(name).id
    return numbering.gaps([stream]).get(stream, [])


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"sequence": "5", "sequencetype": "Integer"}, Sequence("5", "Integer", 5)),
        ({"sequence": "0005", "sequencetype": "Integer"}, Sequence("0005", "Integer", 5)),
        # wrapped round: the number after 2^31 - 1
        ({"sequence": "-2147483648", "sequencetype": "Integer"}, Sequence("-2147483648", "Integer", 2**31)),
        ({"sequence": "2147483648", "sequencetype": "Integer"}, Sequence("2147483648", "Integer", None)),
        ({"sequence": "five", "sequencetype": "Integer"}, Sequence("five", "Integer", None)),
        ({"sequence": "00017"}, Sequence("00017", "", 17)),
        ({"sequence": "2026-03-01/7"}, Sequence("2026-03-01/7", "", None)),
        ({"sequence": "7", "sequencetype": "Lamport"}, Sequence("7", "Lamport", None)),
        ({"sequence": 7, "sequencetype": "Integer"}, Sequence("7", "Integer", 7)),
        ({"sequence": True}, None),
        ({"sequence": ""}, None),
        ({}, None),
    ],
)
def test_what_a_sequence_says(event: dict[str, Any], said: Sequence | None) -> None:
    assert sequence_of(event) == said


def test_missing_numbers_are_ranges_and_a_late_one_closes_its_gap() -> None:
    send(*(numbered(n) for n in (1, 2, 5, 9)))
    assert ranges() == [(3, 4), (6, 8)]
    assert (of().missing, of().received, of().first, of().last) == (5, 4, "1", "9")
    send(numbered(7))
    assert ranges() == [(3, 4), (6, 6), (8, 8)]
    send(*(numbered(n) for n in (4, 3, 6, 8)))
    assert ranges() == [] and of().missing == 0


def test_since_when_a_gap_could_be_known() -> None:
    send(numbered(1), numbered(5), numbered(9), numbered(3))
    known = dict(Numbered.objects.values_list("number", "known_at"))
    since = {gap.low: gap.since for gap in gaps()}
    # 5 told that 2 is missing; that 3 came later changes nothing; and 9 told of 6 to 8
    assert since == {2: known[5], 4: known[5], 6: known[9]}


def test_numbers_go_on_where_they_wrap_round() -> None:
    send(*(numbered(n) for n in (2**31 - 2, 2**31 - 1, -(2**31), -(2**31) + 2)))
    assert ranges() == [(2**31 + 1, 2**31 + 1)]
    assert numbering.as_sent(2**31 + 1, of().counting) == -(2**31) + 1
    assert of().last == str(-(2**31) + 2)


def test_a_source_that_begins_anew_is_told_by_its_numbers_used_again() -> None:
    send(*(numbered(n) for n in (1, 2, 4)))
    send(*(numbered(n, f"second round {n}") for n in (1, 2, 3)))
    assert (of().reused, of().missing, of().events) == (2, 0, 6)


def test_a_repeat_is_no_number_used_again() -> None:
    send(numbered(1), numbered(1), numbered(2))
    send_together(numbered(2), numbered(3), numbered(3))
    assert (of().reused, of().events) == (0, 3)


def test_texts_are_ordered_and_not_counted() -> None:
    send(*(numbered(text, kind="") for text in ("b", "a", "d")))
    one = of()
    assert (one.counting, one.first, one.last, one.missing) == ("ordered", "a", "d", 0)


def test_whole_numbers_of_no_type_are_counted_and_said_to_be_assumed() -> None:
    send(*(numbered(text, kind="") for text in ("001", "003")))
    assert of().counting == "assumed" and ranges() == [(2, 2)]


def test_each_cloudevents_source_numbers_for_itself_and_may_have_two_senders() -> None:
    send(numbered(1), numbered(3), numbered(7, source="till"))
    other = numbered(2)._replace(source="spare")
    send(other)
    assert ranges() == [] == ranges("till")
    assert of().senders == ["desk", "spare"] and of("spare").id == of("desk").id


def test_what_has_no_number_leaves_no_trace() -> None:
    send(stories.told("usage.recorded", 1, "e", meters={"requests": 1}))
    assert not Numbered.objects.exists() and numbering.numberings("registry") == []


def test_facts_stay_and_what_is_folded_can_be_made_again(django_assert_num_queries: Any) -> None:
    send(*(numbered(n) for n in (9, 1, 5)))
    before = of(), ranges()
    numbering.forget()
    assert not Stream.objects.exists()
    assert (of().missing, ranges()) == (before[0].missing, before[1])
    with django_assert_num_queries(1):
        numbering.fold()


_numbers = st.lists(st.integers(1, 30), min_size=1, max_size=25)


@examples(60)
@given(numbers=_numbers, data=st.data())
def test_any_order_gives_the_same_gaps(numbers: list[int], data: Any) -> None:
    order = data.draw(st.permutations(numbers))
    cuts = data.draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))
    with stories.undone():
        group: list[Sent] = []
        for number, cut in zip(order, cuts, strict=True):
            group.append(numbered(number))
            if cut:
                send_together(*group)
                numbering.fold()
                group = []
        if group:
            send_together(*group)
        expected = set(range(min(numbers), max(numbers))) - set(numbers)
        assert set(_spread(ranges())) == expected
        one = of()
        assert (one.missing, one.received, one.reused) == (len(expected), len(set(numbers)), 0)
        assert StreamSender.objects.get().events == len(set(numbers))
        _ranges_are_as_long_as_can_be()


def _spread(found: list[tuple[int, int]]) -> Iterable[int]:
    return (number for low, high in found for number in range(low, high + 1))


def _ranges_are_as_long_as_can_be() -> None:
    assert NumberRange.objects.exists()
    assert not fetch(
        """SELECT 1 FROM lineage_numberrange a JOIN lineage_numberrange b
           ON b.stream_id = a.stream_id AND b.low > a.low AND b.low <= a.high + 1"""
    )


def test_an_answer_says_what_its_sources_left_out() -> None:
    event = stories.declared("raw", "1", 1)
    event.event.update(sequence="1", sequencetype="Integer")
    other = stories.declared("clean", "1", 2, operation="append", previous="0")
    other.event.update(sequence="4", sequencetype="Integer")
    send(event, other)
    numbering.fold()
    assert stories.ask(stories.dataset("clean", "1")).completeness.missing == 2
