"""manage.py sequencer: puts entries into the log, until it is told to stop."""

import signal
from threading import Event, Thread
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from governance.audit import published, stamping, witnessing
from governance.audit.sequencer import Sequencer
from governance.audit.signing.keys import held
from governance.audit.signing.private_keys import BadKey, KeyUnavailable


class Command(BaseCommand):
    help = (
        "Give every entry its place in the log, grow the tree and sign its head, until stopped. "
        "Any number may run on any number of machines; one works at a time."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            held()
        except KeyUnavailable:
            pass  # a token may come later; until then the log waits
        except BadKey as problem:
            raise CommandError(str(problem)) from None
        stop = Event()
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, lambda *_: stop.set())
        if settings.TIMESTAMP_URL:
            Thread(target=stamping.run, args=(stop,), daemon=True, name="timestamps").start()
        witnesses = witnessing.from_settings()
        if witnesses is None:
            Sequencer(checks=[published.may_go_on], signed=[published.note]).run(stop)
            published.note_stop()
            return
        sequencer = Sequencer(
            checks=[published.may_go_on, witnesses.check], signed=[published.note, witnesses.signed]
        )
        Thread(
            target=witnesses.run, args=(stop, sequencer.check_again), daemon=True, name="witnesses"
        ).start()
        sequencer.run(stop)
        published.note_stop()
