"""Work in the background: the Celery application that the worker and the scheduler run.

Tasks are `@shared_task`; each app's `tasks.py` gathers those of its rooms. They carry ids: what must
happen is a row in PostgreSQL, and a sweep sends again what a broker lost.
"""

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning

# It warns of root for the sake of pickled messages; ours are JSON.
warnings.filterwarnings("ignore", category=SecurityWarning)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
app = Celery("plumbline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
