"""Keeps of the checkpoints that a busy log signs, some a second, those that anybody could still ask for.

A receipt is given under the newest checkpoint, and of any two the older follows from the tiles. So after a
day one an hour is kept, the last that was cosigned too, and every one that was stamped.
"""

from datetime import timedelta

from celery import shared_task
from django.db import connection, transaction
from django.utils import timezone

AFTER = timedelta(days=1)

_DOOMED = """
    SELECT id FROM (
        SELECT c.id, row_number() OVER (
            PARTITION BY c.log_id, date_trunc('hour', c.signed_at),
                EXISTS (SELECT 1 FROM governance_cosignature s WHERE s.checkpoint_id = c.id)
            ORDER BY c.size DESC) AS place
        FROM governance_checkpoint c WHERE c.signed_at < %(before)s) AS hourly
    WHERE place > 1
        AND NOT EXISTS (SELECT 1 FROM governance_timestamp t WHERE t.checkpoint_id = hourly.id)
        AND id NOT IN (SELECT DISTINCT ON (log_id) id FROM governance_checkpoint ORDER BY log_id, size DESC)
"""


@shared_task(ignore_result=True)
def thin_checkpoints() -> int:
    """Delete the checkpoints, with their cosignatures, that nobody needs; return how many."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""WITH doomed AS MATERIALIZED ({_DOOMED}),
                     gone AS (DELETE FROM governance_cosignature
                              WHERE checkpoint_id IN (SELECT id FROM doomed))
                SELECT id FROM doomed""",
            {"before": timezone.now() - AFTER},
        )
        doomed = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM governance_checkpoint WHERE id = ANY (%s)", [doomed])
    return len(doomed)
