"""Hourly timestamps of the real log, by an authority of the test's own."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from factory.kit.recording import SYSTEM, record
from governance.audit import stamping
from governance.audit.models import Checkpoint, Timestamp
from governance.audit.sequencer import Sequencer
from governance.audit.stamping import EVERY, stamp_if_due, verified
from governance.audit.store import current_log, head_of
from governance.audit.tlog.timestamp import TimestampError
from governance.audit.witness.exchange import Unreachable
from tests.governance.audit.test_witnessing import wait_until
from tests.governance.audit.witness.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to stamp with")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def configured(authority: Authority, settings: Settings) -> Settings:
    settings.TIMESTAMP_CA = str(authority.folder / "root.pem")
    return settings


def grown() -> Checkpoint:
    with transaction.atomic():
        record("page.read", actor=SYSTEM)
    Sequencer().round()
    current = current_log()
    head = head_of(current) if current else None
    assert head is not None
    return head


@pytest.mark.django_db
def test_the_head_is_stamped_each_hour(authority: Authority, configured: Settings) -> None:
    now = timezone.now()
    with authority.served() as configured.TIMESTAMP_URL:
        assert stamp_if_due(now) is None, "there is no log yet"
        first = grown()
        row = stamp_if_due(now)
        assert row is not None
        assert (row.checkpoint, row.authority) == (first, "CN=Test Authority")
        second = grown()
        assert stamp_if_due(now + EVERY / 2) is None
        row = stamp_if_due(now + EVERY + timedelta(minutes=1))
        assert row is not None
        assert row.checkpoint == second
        assert stamp_if_due(now + 3 * EVERY) is None, "nothing has come since"
    assert verified(row).at == Timestamp.objects.get(pk=row.pk).at


@pytest.mark.django_db
def test_it_is_over_the_note_that_the_log_signed(
    authority: Authority, configured: Settings, tmp_path: Path
) -> None:
    """As an auditor checks it, with OpenSSL and the checkpoint's file."""
    with authority.served() as configured.TIMESTAMP_URL:
        head = grown()
        row = stamp_if_due(timezone.now())
    assert row is not None
    (tmp_path / "checkpoint").write_text(head.note)
    (tmp_path / "checkpoint.tsr").write_bytes(bytes(row.token))
    words = ["openssl", "ts", "-verify", "-data", "checkpoint", "-in", "checkpoint.tsr"]
    done = subprocess.run(
        [*words, "-CAfile", authority.folder / "root.pem"], cwd=tmp_path, capture_output=True, check=False
    )
    assert b"Verification: OK" in done.stdout + done.stderr
    row.checkpoint.note = row.checkpoint.note.replace("\n1\n", "\n2\n")
    with pytest.raises(TimestampError):
        verified(row)


@pytest.mark.django_db
def test_what_can_not_be_verified_is_not_kept(
    authority: Authority, configured: Settings, tmp_path: Path
) -> None:
    grown()
    configured.TIMESTAMP_URL = "http://127.0.0.1:1/"
    with pytest.raises(Unreachable):
        stamp_if_due(timezone.now())
    other = Authority(tmp_path / "other")
    with authority.served() as configured.TIMESTAMP_URL:
        (tmp_path / "ca.pem").write_bytes(other.root.public_bytes(Encoding.PEM))
        configured.TIMESTAMP_CA = str(tmp_path / "ca.pem")
        with pytest.raises(TimestampError):
            stamp_if_due(timezone.now())
        configured.TIMESTAMP_CA = str(tmp_path / "none.pem")
        with pytest.raises(OSError, match=r"none\.pem"):
            stamp_if_due(timezone.now())
    assert not Timestamp.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_loop_goes_on_after_failures(
    authority: Authority, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamping, "PAUSE", 0.05)
    configured.TIMESTAMP_URL = "http://127.0.0.1:1/"
    grown()
    stop = Event()

    def run() -> None:
        stamping.run(stop)
        connection.close()

    thread = Thread(target=run)
    thread.start()
    try:
        with authority.served() as url:
            configured.TIMESTAMP_URL = url
            wait_until(Timestamp.objects.exists)
    finally:
        stop.set()
        thread.join(timeout=30)
    assert not thread.is_alive()
