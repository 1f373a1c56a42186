"""The jobs of lending, of the data platform and of the trainings."""

from factory.sample import tables
from factory.sample.runs import AIRFLOW, PYTHON, SPARK, Job

LENDING, PLATFORM, TRAINING = "airflow-lending", "spark-platform", "mlops-training"
COREBANK_DAG = Job(
    LENDING,
    "corebank_extract",
    AIRFLOW,
    tables.PLATFORM_LEAD,
    "The nightly extract of the core.",
    "DAG",
)
BUREAU_DAG = Job(
    LENDING,
    "bureau_feed",
    AIRFLOW,
    tables.LENDING_LEAD,
    "Takes in the bureau's delivery.",
    "DAG",
)
LAND = Job(
    LENDING,
    "bureau_feed.land_delivery",
    AIRFLOW,
    tables.LENDING_LEAD,
    "Copies the delivery into the lake as it came.",
    path="dags/bureau_feed.py",
)
VALIDATE = Job(
    LENDING,
    "bureau_feed.validate_delivery",
    AIRFLOW,
    tables.LENDING_LEAD,
    "Checks the delivery. A failed check warns the channel #bureau-feed; it does not stop the line.",
    path="dags/bureau_feed.py",
)
APPEND = Job(
    PLATFORM,
    "append_bureau_history",
    SPARK,
    tables.PLATFORM_LEAD,
    "Appends a delivery to the history.",
    "JOB",
    path="jobs/append_bureau_history.py",
    sql="INSERT INTO risk.bureau_history SELECT *, DATE '{{ ds }}' FROM staging.consumer_scores",
)
CHECK = Job(
    PLATFORM,
    "check_bureau_history",
    SPARK,
    tables.PLATFORM_LEAD,
    "Checks the rows that were appended last.",
    "JOB",
    path="jobs/check_bureau_history.py",
)
CURATE_APPLICANTS = Job(
    PLATFORM,
    "curate_applicants",
    SPARK,
    tables.PLATFORM_LEAD,
    "Joins applications to their customers.",
    "JOB",
    path="jobs/curate_applicants.py",
    sql="SELECT a.*, c.birth_date, c.postcode FROM loan_applications a JOIN customers c USING (customer_id)",
)
CURATE_REPAYMENTS = Job(
    PLATFORM,
    "curate_repayments",
    SPARK,
    tables.PLATFORM_LEAD,
    "Repayments by loan.",
    "JOB",
    path="jobs/curate_repayments.py",
)
BUILD_FEATURES = Job(
    PLATFORM,
    "build_credit_features",
    SPARK,
    tables.MODELLING_LEAD,
    "Builds the table that the model learns from.",
    "JOB",
    path="jobs/build_credit_features.py",
)
BUILD_SNAPSHOT = Job(
    PLATFORM,
    "build_applicant_snapshot",
    SPARK,
    tables.MODELLING_LEAD,
    "Builds what the model sees of today's applicants.",
    "JOB",
    path="jobs/build_applicant_snapshot.py",
)
REPORT = Job(
    PLATFORM,
    "portfolio_report",
    SPARK,
    tables.LENDING_LEAD,
    "Arrears by month of origin.",
    "JOB",
)
FREEZE = Job(
    TRAINING,
    "freeze_training_set",
    PYTHON,
    tables.MODELLING_LEAD,
    "Freezes features and labels for one training.",
    "JOB",
    path="training/freeze.py",
)
TRAIN = Job(
    TRAINING,
    "train_credit_risk",
    PYTHON,
    tables.MODELLING_LEAD,
    "Trains the credit-risk model.",
    "JOB",
    path="training/credit_risk.py",
)
