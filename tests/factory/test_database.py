"""The embedded PostgreSQL: real starts, real kills."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from factory.database import DatabaseProblem, Server, embedded_url, running


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """A folder with spaces in its name, too long for a socket, that others can't walk to."""
    folder = tmp_path / ("a rather long name " * 5) / "var"
    folder.parent.mkdir(mode=0o700)
    return folder


def ask(var: Path, question: str) -> object:
    with psycopg.connect(embedded_url(var), autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone()[0] if cursor.description else None  # type: ignore[index]


def pid_of(server: Server) -> int:
    assert server.process is not None
    return server.process.pid


def test_it_is_version_18_and_we_are_no_superuser(var: Path) -> None:
    with running(var):
        assert str(ask(var, "SHOW server_version")).startswith("18")
        assert ask(var, "SHOW is_superuser") == "off"
        assert ask(var, "SHOW data_checksums") == "on"
        assert ask(var, "SHOW listen_addresses") == ""
    with pytest.raises(psycopg.OperationalError):
        ask(var, "SELECT 1")


def test_data_of_another_major_version_are_said_and_left_alone(var: Path) -> None:
    with running(var):
        ask(var, "CREATE TABLE kept AS SELECT 1 AS n")
    file = var / "postgresql" / "PG_VERSION"
    file.write_text("17\n")
    with pytest.raises(
        DatabaseProblem, match=r"are of PostgreSQL 17, and this Plumbline brings 18: .*backup"
    ):
        Server(var).start()
    file.write_text("18\n")
    with running(var):
        assert ask(var, "SELECT n FROM kept") == 1


def test_the_url_is_known_before_it_ever_ran_and_stays(var: Path) -> None:
    url = embedded_url(var)
    with running(var):
        assert embedded_url(var) == url


def test_a_wrong_password_is_refused(var: Path) -> None:
    with running(var), pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(embedded_url(var), password="guessed")


def test_data_outlive_kills_and_stale_or_reused_pids(var: Path) -> None:
    server = Server(var)
    server.start()
    try:
        ask(var, "CREATE TABLE kept AS SELECT generate_series(1, 100000) AS n")
        os.kill(pid_of(server), signal.SIGKILL)
        server.start()
        assert ask(var, "SELECT count(*) FROM kept") == 100_000

        os.kill(pid_of(server), signal.SIGKILL)
        assert server.process is not None
        server.process.wait()
        # The number in the file now belongs to somebody else, of the same user.
        uid, gid = server.user or (None, None)
        somebody = subprocess.Popen(["/bin/sleep", "60"], cwd="/", user=uid, group=gid)
        file = var / "postgresql" / "postmaster.pid"
        file.write_text("\n".join([str(somebody.pid), *file.read_text().splitlines()[1:], ""]))
        server.start()
        somebody.kill()
        somebody.wait()
        assert ask(var, "SELECT count(*) FROM kept") == 100_000
    finally:
        server.stop()


def test_it_ends_when_its_parent_is_killed(var: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from factory.database import Server;"
        "Server(Path(sys.argv[1])).start(); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(var)], check=False)
    assert killed.returncode == -signal.SIGKILL
    started = time.monotonic()
    with running(var):
        assert time.monotonic() - started < 20
        assert ask(var, "SELECT 1") == 1


def test_commands_share_a_server_and_the_last_one_out_stops_it(var: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from factory.database import running\n"
        "with running(Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(var)]
    first = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert first.stdout is not None and first.stdout.readline() == b"in\n"
    with running(var):
        assert first.stdin is not None
        first.stdin.close()
        time.sleep(0.3)
        assert ask(var, "SELECT 1") == 1
    first.wait(20)
    with pytest.raises(psycopg.OperationalError):
        ask(var, "SELECT 1")


def test_two_folders_two_servers(var: Path, tmp_path: Path) -> None:
    with running(var), running(tmp_path / "second"):
        ask(var, "CREATE TABLE first_only (n int)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            ask(tmp_path / "second", "SELECT count(*) FROM first_only")


def test_a_lost_password_is_said(var: Path) -> None:
    with running(var):
        pass
    (var / "keys" / "postgresql").unlink()
    with pytest.raises(DatabaseProblem, match="password"), running(var):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start it as somebody else")
def test_root_runs_it_as_nobody_and_opens_no_folder(var: Path) -> None:
    with running(var):
        assert (var / "postgresql").stat().st_uid != 0
        assert var.parent.stat().st_mode & 0o077 == 0
