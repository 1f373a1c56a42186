"""List pages as declarations: columns, filters, sorting, paging and CSV of exactly what is listed.

All state is in the URL: `?<filter>=…&sort=[-]<column>&after=<cursor>`; `format=csv` streams every
row that the filters let through. Paging is by key set: a page costs the same however deep it lies.
"""

import base64
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from factory.kit.downloads import TooMany, download
from factory.kit.problems import RETRY_AFTER, Problem
from factory.kit.times import format_time
from factory.templatetags.display import number, utc

COUNTED = 10_000
CSV_CHUNK = 1000
#: A spreadsheet takes a cell that starts so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Column:
    """One column. `value` gives a row's value, as CSV has it; `show` the cell of the page, where a
    link or a state is wanted. `order` names the model's fields that it sorts by."""

    name: str
    title: str
    value: Callable[[Any], Any]
    show: Callable[[Any], SafeString | str] | None = None
    order: tuple[str, ...] = ()
    numeric: bool = False
    heading: bool = False
    wide: bool = False

    def cell(self, row: Any) -> SafeString | str:
        return self.show(row) if self.show else shown(self.value(row))


@dataclass(frozen=True)
class Filter:
    """One thing to narrow by. With `choices` ((value, title) pairs) it is a menu, else a field."""

    name: str
    title: str
    choices: Sequence[tuple[str, str]] = ()
    hint: str = ""

    def title_of(self, value: str) -> str:
        return dict(self.choices).get(value, value)


class Cell(NamedTuple):
    column: Column
    content: SafeString | str


class Head(NamedTuple):
    """A column's heading: `href` sorts by it, `sorted` is `ascending`, `descending` or empty."""

    column: Column
    href: str
    sorted: str


class Chip(NamedTuple):
    """A filter that is on, and the address without it."""

    title: str
    value: str
    href: str


@dataclass
class Page:
    """One page of a list, ready for `components/list.html`."""

    heads: list[Head]
    rows: list[list[Cell]]
    chips: list[Chip]
    fields: list[tuple[Filter, str]]
    kept: list[tuple[str, str]]
    next: str
    previous: str
    csv: str
    clear: str
    count: str
    label: str


@dataclass(frozen=True)
class ListPage:
    """The declaration of a list. `rows` makes the queryset from the filters that are on; `sort` is
    the column to begin with, `-` before it for descending order."""

    label: str
    columns: Sequence[Column]
    rows: Callable[[Mapping[str, str]], QuerySet[Any]]
    sort: str
    filters: Sequence[Filter] = ()
    size: int = 50
    #: Counting stops here: what is more is said to be more.
    counted: int = COUNTED
    filename: str = "list"
    #: Query parameters that belong to the page and not to the list's filters.
    keep: tuple[str, ...] = ()
    #: What is fetched beside the rows, once for a page (`prefetch_related_objects` and the like).
    dress: Callable[[list[Any]], None] | None = field(default=None)

    def answer(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponseBase:
        """Return the page, or its CSV where the URL asks for that."""
        if request.GET.get("format") == "csv":
            return self.csv(request)
        return render(request, template, {**context, "page": self.page(request)})

    def filters_on(self, request: HttpRequest) -> dict[str, str]:
        on = {}
        for one in self.filters:
            value = request.GET.get(one.name, "").strip().replace("\x00", "")
            if value and (not one.choices or value in dict(one.choices)):
                on[one.name] = value
        return on

    def _sorting(self, request: HttpRequest) -> tuple[Column, bool]:
        for text in (request.GET.get("sort", ""), self.sort):
            for column in self.columns:
                if column.order and column.name == text.removeprefix("-"):
                    return column, text.startswith("-")
        raise LookupError(f"no column can be sorted by {self.sort!r}")

    def page(self, request: HttpRequest) -> Page:
        """Read the URL and fetch one page: one query for the rows, one for the bounded count."""
        on = self.filters_on(request)
        column, down = self._sorting(request)
        sort = f"{'-' if down else ''}{column.name}"
        queryset = self.rows(on)
        after, before = request.GET.get("after", ""), request.GET.get("before", "")
        keys = (*column.order, "pk")
        cut, back = (after, False) if after else (before, bool(before))
        marks = read_cursor(cut, queryset, keys)
        rows, preceded, followed = one_page(queryset, keys, marks, down=down, back=back, size=self.size)
        if self.dress:
            self.dress(rows)
        base = [*on.items(), *self._kept(request)]
        turned = [*base, ("sort", sort)] if sort != self.sort else base
        return Page(
            heads=[self._head(one, column, down, base) for one in self.columns],
            rows=[[Cell(one, one.cell(row)) for one in self.columns] for row in rows],
            chips=[
                Chip(one.title, one.title_of(on[one.name]), query([p for p in turned if p[0] != one.name]))
                for one in self.filters
                if one.name in on
            ],
            fields=[(one, on.get(one.name, "")) for one in self.filters],
            kept=[*self._kept(request), *([("sort", sort)] if sort != self.sort else [])],
            next=query([*turned, ("after", cursor(rows[-1], keys))]) if followed else "",
            previous=query([*turned, ("before", cursor(rows[0], keys))]) if preceded else "",
            csv=query([*turned, ("format", "csv")]),
            clear=query(self._kept(request)),
            count=bounded_count(queryset, self.counted),
            label=self.label,
        )

    def _kept(self, request: HttpRequest) -> list[tuple[str, str]]:
        return [(name, request.GET[name]) for name in self.keep if request.GET.get(name)]

    def _head(self, column: Column, current: Column, down: bool, base: list[tuple[str, str]]) -> Head:
        if not column.order:
            return Head(column, "", "")
        here = column.name == current.name
        to = f"-{column.name}" if here and not down else column.name
        return Head(
            column, query([*base, ("sort", to)]), ("descending" if down else "ascending") if here else ""
        )

    def csv(self, request: HttpRequest) -> HttpResponseBase:
        """Stream every row that the filters let through, in the order of the page."""
        column, down = self._sorting(request)
        queryset = ordered(self.rows(self.filters_on(request)), (*column.order, "pk"), down)
        lines = csv_lines(self.columns, queryset.iterator(chunk_size=CSV_CHUNK))
        try:
            return download(lines, "text/csv; charset=utf-8", f"{self.filename}.csv")
        except TooMany as busy:
            return Problem(
                503, detail=str(busy), code="too_many_downloads", headers={"Retry-After": str(RETRY_AFTER)}
            ).response()


def one_page(
    queryset: QuerySet[Any],
    keys: Sequence[str],
    marks: Sequence[Any] | None,
    *,
    down: bool,
    back: bool,
    size: int,
) -> tuple[list[Any], bool, bool]:
    """Return at most `size` rows in the order of `keys`, and whether rows precede and follow them.

    `marks` is where the row stands that the page follows, or with `back` precedes; without it the page is
    the first. Where there are no rows there is nothing to go on from, on either side.
    """
    back = back and marks is not None
    part = queryset if marks is None else queryset.filter(beyond(queryset, keys, marks, down != back))
    rows = list(ordered(part, keys, down != back)[: size + 1])
    more, rows = len(rows) > size, rows[:size]
    if back:
        rows.reverse()
    return rows, bool(rows) and (more if back else marks is not None), bool(rows) and (back or more)


def ordered(queryset: QuerySet[Any], keys: Sequence[str], down: bool) -> QuerySet[Any]:
    return queryset.order_by(*(f"-{key}" if down else key for key in keys))


def beyond(queryset: QuerySet[Any], keys: Sequence[str], marks: Sequence[Any], down: bool) -> Q:
    """The rows that stand after `marks` in the order of `keys`, NULL being the greatest value."""
    after, equal = Q(pk__in=[]), Q()
    for key, mark in zip(keys, marks, strict=True):
        after |= equal & _past(queryset, key, mark, down)
        equal &= Q(**{f"{key}__isnull": True}) if mark is None else Q(**{key: mark})
    if marks[0] is None:
        return after
    # this term alone lets the index find the place; the others decide among equals
    first = Q(**{f"{keys[0]}__{'lte' if down else 'gte'}": marks[0]})
    if not down and _nullable(queryset, keys[0]):
        first |= Q(**{f"{keys[0]}__isnull": True})
    return first & after


def _past(queryset: QuerySet[Any], key: str, mark: Any, down: bool) -> Q:
    if mark is None:
        return Q(**{f"{key}__isnull": False}) if down else Q(pk__in=[])
    past = Q(**{f"{key}__{'lt' if down else 'gt'}": mark})
    return past | Q(**{f"{key}__isnull": True}) if not down and _nullable(queryset, key) else past


def _field(queryset: QuerySet[Any], key: str) -> "Field[Any, Any]":
    meta = queryset.model._meta
    return meta.pk if key == "pk" else meta.get_field(key)


def _nullable(queryset: QuerySet[Any], key: str) -> bool:
    return _field(queryset, key).null


def cursor(row: Any, keys: Sequence[str]) -> str:
    """Spell where a row stands, for the URL."""
    marks = [getattr(row, key) for key in keys]
    spelt = [mark.isoformat() if isinstance(mark, datetime) else mark for mark in marks]
    return base64.urlsafe_b64encode(json.dumps(spelt, default=str).encode()).decode().rstrip("=")


def read_cursor(text: str, queryset: QuerySet[Any], keys: Sequence[str]) -> list[Any] | None:
    """Return what a cursor marks; None where there is none or it was tampered with."""
    try:
        marks = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        sound = isinstance(marks, list) and len(marks) == len(keys)
        if not sound or marks[-1] is None or any(isinstance(mark, dict | list) for mark in marks):
            return None
        return [_field(queryset, key).to_python(mark) for key, mark in zip(keys, marks, strict=True)]
    except (ValueError, TypeError, ValidationError):
        return None


def query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query string; `?` alone leads to the page without any."""
    return "?" + urlencode([pair for pair in pairs if pair[1] != ""])


def bounded_count(queryset: QuerySet[Any], most: int = COUNTED) -> str:
    """Return how many rows there are in words, counted no further than `most`."""
    count = queryset.order_by()[: most + 1].count()
    return f"more than {number(most)}" if count > most else number(count)


def shown(value: Any) -> SafeString | str:
    """A value as a cell of a page."""
    match value:
        case None | "" | []:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return utc(value)
        case int():
            return number(value)
        case list():
            return format_html_join(" ", '<span class="tag">{}</span>', ((item,) for item in value))
        case _:
            return str(value)


def linked(href: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', href, text)


def spelt(value: Any) -> str:
    """A value as a cell of a CSV file."""
    match value:
        case None:
            return ""
        case datetime():
            return format_time(value.astimezone(UTC))
        case bool():
            return "true" if value else "false"
        case list():
            return "; ".join(map(str, value))
        case str() if value.startswith(FORMULA_STARTS):
            return f"'{value}"
        case _:
            return str(value)


class _Echo:
    def write(self, line: str) -> str:
        return line


def csv_lines(columns: Sequence[Column], rows: Iterable[Any]) -> Iterator[str]:
    """Yield a CSV file (RFC 4180) line by line."""
    writer = csv.writer(_Echo())
    yield writer.writerow([column.name for column in columns])
    for row in rows:
        yield writer.writerow([spelt(column.value(row)) for column in columns])
