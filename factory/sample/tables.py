"""The bank's data: every dataset of the story, with its columns and who answers for it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

CORE = "postgres://corebank.harbourvale.example:5432"
FEED = "sftp://feeds.meridian-bureau.example"
LAKE = "s3://harbourvale-lake"
HIVE = "hive://metastore.harbourvale.example:9083"
BUREAU_API = "https://api.meridian-bureau.example"
HELP = "https://help.harbourvale.example"
BRANCHES = "kafka://events.harbourvale.example:9092"

PLATFORM_LEAD = "priya.raman@harbourvale.example"
LENDING_LEAD = "ines.almeida@harbourvale.example"
MODELLING_LEAD = "tomas.reuter@harbourvale.example"
SUPPORT_LEAD = "jonas.feld@harbourvale.example"
FRAUD_LEAD = "aiko.brandt@harbourvale.example"


class Table(NamedTuple):
    """A dataset. `columns` is {column: type}; `tags` is {key: value}."""

    namespace: str
    name: str
    owner: str
    about: str
    columns: dict[str, str]
    tags: Mapping[str, str] = MappingProxyType({})


class At(NamedTuple):
    """A dataset at a version; without one, as a source names it that knows none."""

    table: Table
    version: str = ""


_PERSON = {
    "customer_id": "STRING",
    "full_name": "STRING",
    "birth_date": "DATE",
    "postcode": "STRING",
}
_APPLICATION = {
    "application_id": "STRING",
    "customer_id": "STRING",
    "amount": "DECIMAL(12,2)",
    "term_months": "INT",
    "purpose": "STRING",
    "applied_at": "TIMESTAMP",
}
_REPAYMENT = {
    "loan_id": "STRING",
    "due_on": "DATE",
    "paid_on": "DATE",
    "amount": "DECIMAL(12,2)",
}
_BUREAU = {
    "subject_id": "STRING",
    "score": "INT",
    "income_monthly": "DECIMAL(12,2)",
    "utilisation": "DOUBLE",
    "inquiries_6m": "INT",
    "defaults_24m": "INT",
}
_PII = {"personal_data": "true"}

CORE_CUSTOMERS = Table(
    CORE,
    "corebank.public.customers",
    PLATFORM_LEAD,
    "Customers as the core holds them.",
    _PERSON,
    _PII,
)
CORE_APPLICATIONS = Table(
    CORE,
    "corebank.public.loan_applications",
    LENDING_LEAD,
    "Loan applications as the core holds them.",
    _APPLICATION,
)
CORE_REPAYMENTS = Table(
    CORE,
    "corebank.public.repayments",
    LENDING_LEAD,
    "Repayments as booked.",
    _REPAYMENT,
)

RAW_CUSTOMERS = Table(
    LAKE,
    "raw/corebank/customers",
    PLATFORM_LEAD,
    "Nightly extract of the core's customers.",
    _PERSON,
    _PII,
)
RAW_APPLICATIONS = Table(
    LAKE,
    "raw/corebank/loan_applications",
    PLATFORM_LEAD,
    "Nightly extract of loan applications.",
    _APPLICATION,
)
RAW_REPAYMENTS = Table(
    LAKE,
    "raw/corebank/repayments",
    PLATFORM_LEAD,
    "Nightly extract of repayments.",
    _REPAYMENT,
)

BUREAU_FEED = Table(
    FEED,
    "outbound/consumer_scores",
    LENDING_LEAD,
    "The credit bureau's delivery, every third day.",
    _BUREAU,
    _PII,
)
RAW_BUREAU = Table(
    LAKE,
    "raw/bureau/consumer_scores",
    PLATFORM_LEAD,
    "One delivery of the bureau, as it landed.",
    _BUREAU,
    _PII,
)
BUREAU_HISTORY = Table(
    LAKE,
    "curated/bureau_history",
    PLATFORM_LEAD,
    "Every delivery of the bureau, each appended to those before it.",
    {**_BUREAU, "delivered_on": "DATE"},
    _PII,
)
#: One dataset with two names: Spark writes the path, SQL reads the table.
APPLICANTS = Table(
    LAKE,
    "curated/applicants",
    PLATFORM_LEAD,
    "One row for each application, with the customer it is from.",
    {**_APPLICATION, "birth_date": "DATE", "postcode": "STRING"},
    _PII,
)
APPLICANTS_TABLE = Table(HIVE, "risk.applicants", PLATFORM_LEAD, APPLICANTS.about, APPLICANTS.columns, _PII)
#: Renamed: it was called `curated/loan_repayments` at first.
OLD_REPAYMENTS = Table(LAKE, "curated/loan_repayments", PLATFORM_LEAD, "Repayments by loan.", _REPAYMENT)
REPAYMENTS = OLD_REPAYMENTS._replace(name="curated/repayments")

CREDIT_FEATURES = Table(
    LAKE,
    "features/credit_features",
    MODELLING_LEAD,
    "What the credit-risk model learns from, one row for each past application.",
    {
        "application_id": "STRING",
        "age_years": "INT",
        "amount_to_income": "DOUBLE",
        "bureau_score": "INT",
        "utilisation": "DOUBLE",
        "late_payments_12m": "INT",
    },
    {"feature_table": "true"},
)
LIVE_FEATURES = Table(
    LAKE,
    "features/applicant_snapshot",
    MODELLING_LEAD,
    "What the credit-risk model sees of today's applicants; the bureau is asked live.",
    CREDIT_FEATURES.columns,
    {"feature_table": "true"},
)
TRAINING_SET = Table(
    LAKE,
    "training/credit_risk",
    MODELLING_LEAD,
    "The features joined to what became of each loan.",
    {**CREDIT_FEATURES.columns, "defaulted": "BOOLEAN"},
)
SCORE_API = Table(
    BUREAU_API,
    "v2/score",
    LENDING_LEAD,
    "The bureau's live answer for one applicant.",
    _BUREAU,
    _PII,
)
PORTFOLIO_REPORT = Table(
    LAKE,
    "reports/portfolio_quality",
    LENDING_LEAD,
    "Arrears by month of origin.",
    {"month": "DATE", "arrears": "DOUBLE"},
)

ARTICLES = Table(
    HELP,
    "articles",
    SUPPORT_LEAD,
    "Help articles.",
    {"article_id": "STRING", "body": "STRING"},
)
KB_EXPORT = Table(
    LAKE,
    "raw/support/articles",
    SUPPORT_LEAD,
    "Help articles, exported.",
    ARTICLES.columns,
)
KB_CHUNKS = Table(
    LAKE,
    "curated/support_chunks",
    SUPPORT_LEAD,
    "Help articles in passages.",
    {"chunk_id": "STRING", "text": "STRING"},
)
KB_INDEX = Table(
    LAKE,
    "indexes/support_kb",
    SUPPORT_LEAD,
    "Passages with their vectors, which the assistant searches.",
    {"chunk_id": "STRING", "vector": "ARRAY<FLOAT>"},
    {"retrieval_index": "true"},
)
TICKETS = Table(
    LAKE,
    "curated/support_tickets",
    SUPPORT_LEAD,
    "Solved tickets, names and account numbers removed.",
    {"ticket_id": "STRING", "question": "STRING", "answer": "STRING"},
)

CARD_EVENTS = Table(
    BRANCHES,
    "branch.card-events",
    FRAUD_LEAD,
    "Card events of the branch kiosks.",
    {"card": "STRING", "amount": "DOUBLE"},
    _PII,
)
KIOSK_FEATURES = Table(
    LAKE,
    "features/kiosk_fraud",
    FRAUD_LEAD,
    "Card events by kiosk and hour.",
    {"kiosk": "STRING", "events_1h": "INT"},
)
