"""The lending pipelines: from the core and the bureau to the training sets, day by day."""

from collections.abc import Iterator
from typing import Any

from openlineage.client import event_v2
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    lifecycle_state_change_dataset,
    symlinks_dataset,
)

from factory.sample import jobs, tables
from factory.sample.clock import Clock, text
from factory.sample.runs import AIRFLOW, SPARK, Job, Run, columns_from
from factory.sample.tables import At

#: The bureau delivers every third day; on one of them it sent cents for euros and two columns swapped.
DELIVERIES = range(-40, 0, 3)
BAD_DELIVERY = -10
#: version of the credit-risk model -> the day on which its training set was frozen
TRAININGS = {"v1": -39, "v2": -33, "v3": -27, "v4": -20, "v5": -7}
RENAMED_ON = -25
#: The day on which the extract of repayments failed, and was run again.
FAILED_ON = -17

EXTRACTS = [
    (tables.CORE_CUSTOMERS, tables.RAW_CUSTOMERS, 412_000),
    (tables.CORE_APPLICATIONS, tables.RAW_APPLICATIONS, 96_000),
    (tables.CORE_REPAYMENTS, tables.RAW_REPAYMENTS, 1_310_000),
]


def latest_delivery(day: int) -> int:
    return max(delivery for delivery in DELIVERIES if delivery <= day)


def repayments(day: int) -> tables.Table:
    """Repayments under the name that they had on that day."""
    return tables.OLD_REPAYMENTS if day < RENAMED_ON else tables.REPAYMENTS


def lending(clock: Clock) -> Iterator[event_v2.RunEvent]:
    """What Airflow of the lending department sends."""
    for day in clock.days():
        yield from extract(clock, day)
        if day in DELIVERIES:
            yield from take_in(clock, day)


def extract(clock: Clock, day: int) -> Iterator[event_v2.RunEvent]:
    dag = Run(
        clock.id("corebank", day),
        jobs.COREBANK_DAG,
        clock.at(day, 2, 0),
        clock.at(day, 2, 58),
    )
    start, complete = dag.events()
    yield start
    for number, (core, raw, rows) in enumerate(EXTRACTS):
        task = Job(
            jobs.LENDING,
            f"corebank_extract.{raw.name.rpartition('/')[2]}",
            AIRFLOW,
            tables.PLATFORM_LEAD,
            f"Extracts {core.name}.",
            path="dags/corebank_extract.py",
            sql=f"SELECT * FROM {core.name}",
        )
        grown = rows + (day + 42) * 310 + clock.chance("rows", raw.name, day).randrange(300)
        columns = {column: [(core, column, "IDENTITY")] for column in raw.columns}
        begin = clock.at(day, 2, 5 + 15 * number)
        if day == FAILED_ON and raw is tables.RAW_REPAYMENTS:
            yield from Run(
                clock.id(task.name, day, "first"),
                task,
                begin,
                clock.at(day, 2, 36),
                [At(core)],
                parent=dag,
                error="OperationalError: canceling statement due to conflict with recovery",
            ).events()
            begin = clock.at(day, 2, 41)
        yield from Run(
            clock.id(task.name, day),
            task,
            begin,
            clock.at(day, 2, 14 + 15 * number),
            [At(core)],
            [At(raw, clock.date(day))],
            parent=dag,
            rows=grown,
            output_facets={raw.name: columns_from(AIRFLOW.producer, columns)},
        ).events()
    yield complete


def take_in(clock: Clock, day: int) -> Iterator[event_v2.RunEvent]:
    dag = Run(clock.id("bureau", day), jobs.BUREAU_DAG, clock.at(day, 5, 0), clock.at(day, 5, 30))
    start, complete = dag.events()
    delivered, landed = (
        At(tables.BUREAU_FEED, clock.date(day)),
        At(tables.RAW_BUREAU, clock.date(day)),
    )
    rows = delivered_rows(clock, day)
    yield start
    yield from Run(
        clock.id("land", day),
        jobs.LAND,
        clock.at(day, 5, 2),
        clock.at(day, 5, 9),
        [delivered],
        [landed],
        dag,
        rows=rows,
    ).events()
    yield from Run(
        clock.id("validate", day),
        jobs.VALIDATE,
        clock.at(day, 5, 12),
        clock.at(day, 5, 16),
        [landed],
        parent=dag,
        input_facets={landed.table.name: checks(clock, day, AIRFLOW.producer)},
    ).events()
    yield complete


def delivered_rows(clock: Clock, day: int) -> int:
    return 48_000 + clock.chance("bureau rows", day).randrange(900)


def checks(clock: Clock, day: int, producer: str) -> dict[str, Any]:
    """What was checked of one delivery, and what was measured in it."""
    bad = day == BAD_DELIVERY
    luck = clock.chance("checks", day)
    rows = delivered_rows(clock, day)
    income = 3_120 + luck.randrange(90)
    check = data_quality_assertions_dataset.Assertion
    assertions = [
        check("not_null", True, "subject_id", "error", "subject_is_named"),
        check(
            "between",
            not bad,
            "income_monthly",
            "error",
            "income_is_in_euros",
            "Monthly income lies between 0 and 60,000 EUR.",
            "0..60000",
            str(6_000_000 if bad else 41_700),
        ),
        check(
            "between",
            not bad,
            "utilisation",
            "error",
            "utilisation_is_a_share",
            "Utilisation lies between 0 and 1.",
            "0..1",
            "14" if bad else "0.98",
        ),
        check(
            "row_count_between", True, None, "warn", "usual_size", expected="45000..52000", actual=str(rows)
        ),
    ]
    column = data_quality_metrics_input_dataset.ColumnMetrics
    columns = {
        "income_monthly": column(
            nullCount=0,
            min=0.0,
            max=6_000_000.0 if bad else 41_700.0,
            sum=float(income * rows * (100 if bad else 1)),
        ),
        "utilisation": column(nullCount=0, min=0.0, max=14.0 if bad else 0.98),
        "inquiries_6m": column(nullCount=0, min=0.0, max=0.98 if bad else 14.0),
    }
    return {
        "dataQualityAssertions": data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions, producer=producer
        ),
        "dataQualityMetrics": data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columns, rowCount=rows, bytes=rows * 96, producer=producer
        ),
    }


def platform(clock: Clock) -> Iterator[event_v2.RunEvent | event_v2.DatasetEvent]:
    """What Spark of the data platform sends."""
    for day in clock.days(-40):
        if day in DELIVERIES:
            yield from append(clock, day)
        if day == RENAMED_ON:
            yield rename(clock)
        yield from curate(clock, day)
        yield from build(clock, day)


def append(clock: Clock, day: int) -> Iterator[event_v2.RunEvent]:
    delivery, history = (
        At(tables.RAW_BUREAU, clock.date(day)),
        At(tables.BUREAU_HISTORY, clock.date(day)),
    )
    columns = {column: [(tables.RAW_BUREAU, column, "IDENTITY")] for column in tables.RAW_BUREAU.columns}
    yield from Run(
        clock.id("append", day),
        jobs.APPEND,
        clock.at(day, 5, 34),
        clock.at(day, 5, 40),
        [delivery],
        [history],
        rows=delivered_rows(clock, day),
        output_facets={history.table.name: columns_from(SPARK.producer, columns)},
    ).events()
    yield from Run(
        clock.id("check", day),
        jobs.CHECK,
        clock.at(day, 5, 44),
        clock.at(day, 5, 47),
        [history],
        input_facets={history.table.name: checks(clock, day, SPARK.producer)},
    ).events()


def rename(clock: Clock) -> event_v2.DatasetEvent:
    old, new = tables.OLD_REPAYMENTS, tables.REPAYMENTS
    change = lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
        lifecycle_state_change_dataset.LifecycleStateChange.RENAME,
        lifecycle_state_change_dataset.PreviousIdentifier(name=old.name, namespace=old.namespace),
        producer=SPARK.producer,
    )
    return event_v2.DatasetEvent(
        eventTime=text(clock.at(RENAMED_ON, 1, 30)),
        dataset=event_v2.StaticDataset(new.namespace, new.name, facets={"lifecycleStateChange": change}),
        producer=SPARK.producer,
    )


def curate(clock: Clock, day: int) -> Iterator[event_v2.RunEvent]:
    today = clock.date(day)
    applications, customers = (
        At(tables.RAW_APPLICATIONS, today),
        At(tables.RAW_CUSTOMERS, today),
    )
    applicants = tables.APPLICANTS
    columns = {
        column: [(tables.RAW_APPLICATIONS, column, "IDENTITY")] for column in tables.RAW_APPLICATIONS.columns
    }
    columns["birth_date"] = [(tables.RAW_CUSTOMERS, "birth_date", "IDENTITY")]
    columns["postcode"] = [(tables.RAW_CUSTOMERS, "postcode", "IDENTITY")]
    names = symlinks_dataset.SymlinksDatasetFacet(
        [symlinks_dataset.Identifier(tables.HIVE, tables.APPLICANTS_TABLE.name, "TABLE")],
        producer=SPARK.producer,
    )
    yield from Run(
        clock.id("applicants", day),
        jobs.CURATE_APPLICANTS,
        clock.at(day, 3, 10),
        clock.at(day, 3, 31),
        [applications, customers],
        [At(applicants, today)],
        rows=96_000 + (day + 42) * 310,
        output_facets={applicants.name: {"symlinks": names, **columns_from(SPARK.producer, columns)}},
    ).events()
    yield from Run(
        clock.id("repayments", day),
        jobs.CURATE_REPAYMENTS,
        clock.at(day, 3, 35),
        clock.at(day, 3, 52),
        [At(tables.RAW_REPAYMENTS, today)],
        [At(repayments(day), today)],
        rows=1_310_000 + (day + 42) * 310,
    ).events()


def build(clock: Clock, day: int) -> Iterator[event_v2.RunEvent]:
    today = clock.date(day)
    applicants, features = (
        At(tables.APPLICANTS_TABLE, today),
        At(tables.CREDIT_FEATURES, today),
    )
    history, paid = tables.BUREAU_HISTORY, repayments(day)
    columns = {
        "application_id": [(tables.APPLICANTS_TABLE, "application_id", "IDENTITY")],
        "age_years": [(tables.APPLICANTS_TABLE, "birth_date", "TRANSFORMATION")],
        "amount_to_income": [
            (tables.APPLICANTS_TABLE, "amount", "TRANSFORMATION"),
            (history, "income_monthly", "TRANSFORMATION"),
        ],
        "bureau_score": [(history, "score", "IDENTITY")],
        "utilisation": [(history, "utilisation", "IDENTITY")],
        "late_payments_12m": [
            (paid, "paid_on", "AGGREGATION"),
            (paid, "due_on", "AGGREGATION"),
        ],
    }
    yield from Run(
        clock.id("features", day),
        jobs.BUILD_FEATURES,
        clock.at(day, 6, 5),
        clock.at(day, 6, 30),
        [applicants, At(history, clock.date(latest_delivery(day))), At(paid, today)],
        [features],
        rows=91_000 + (day + 42) * 300,
        output_facets={features.table.name: columns_from(SPARK.producer, columns)},
    ).events()
    yield from Run(
        clock.id("snapshot", day),
        jobs.BUILD_SNAPSHOT,
        clock.at(day, 6, 32),
        clock.at(day, 6, 41),
        [applicants, At(tables.SCORE_API)],
        [At(tables.LIVE_FEATURES, today)],
        rows=clock.chance("snapshot", day).randrange(240, 420),
    ).events()
    if day % 7 == 0:
        yield from Run(
            clock.id("report", day),
            jobs.REPORT,
            clock.at(day, 7, 0),
            clock.at(day, 7, 6),
            [At(paid)],
            [At(tables.PORTFOLIO_REPORT)],
            rows=60,
        ).events()


def training(clock: Clock) -> Iterator[event_v2.RunEvent]:
    """What the training jobs of the model team send."""
    for version, day in TRAININGS.items():
        frozen = At(tables.TRAINING_SET, version)
        yield from Run(
            clock.id("freeze", version),
            jobs.FREEZE,
            clock.at(day, 8, 0),
            clock.at(day, 8, 20),
            [At(tables.CREDIT_FEATURES, clock.date(day)), At(repayments(day), clock.date(day))],
            [frozen],
            rows=91_000 + (day + 42) * 300,
        ).events()
        yield from Run(
            clock.id("train", version),
            jobs.TRAIN,
            clock.at(day, 9, 0),
            clock.at(day, 13, 40),
            [frozen],
        ).events()
