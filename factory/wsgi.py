"""The WSGI application that the web server serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "factory.settings")
django_application = get_wsgi_application()

from django.conf import settings  # noqa: E402 after the application, which sets Django up

from factory.kit.chunked import read_chunked  # noqa: E402
from lineage.intake import refused  # noqa: E402

application = read_chunked(django_application, settings.MAX_BATCH_BYTES, refused.too_large)

# What is loaded now stays: the collector need not look at it again. And a batch of events makes hundreds
# of thousands of objects that go by themselves; looking for cycles among them every 700 costs a third.
gc.freeze()
gc.set_threshold(50_000, 10, 5)
