"""`python -m factory.run`: everything that Plumbline is, under one supervisor, until Ctrl-C.

In this order: checks, database, migrations, static files, web, worker and scheduler, the sample; and back
the same way, the database last. The commands of the children are the Procfile's.
"""

import fcntl
import ipaddress
import json
import os
import selectors
import shlex
import shutil
import signal
import socket
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from urllib.error import URLError
from urllib.request import urlopen

from factory import preflight
from factory.children import HOME, MOST_FAILURES, Child, expand, hear_all, show, stop_all, web_defaults
from factory.database import DatabaseProblem, Server

WEB_START_SECONDS = 120
#: With less free the database may not even recover: the files of its write-ahead log have 16 MB each.
NO_ROOM_BYTES = 64_000_000


class Stop(Exception):
    """Somebody asked us to stop."""


class Supervisor:
    """Runs the plant in the folder `var` with Django's `settings`."""

    def __init__(self, var: Path, settings: Any) -> None:
        self.var = var
        self.settings = settings
        self.selector = selectors.DefaultSelector()
        self.children: list[Child] = []
        self.server = Server(var, self.say, self.breathe) if settings.EMBEDDED_DATABASE else None
        self.stopping = False
        #: Once everything has run, a child that ends is started again; before that, it is a failed start.
        self.up = False
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self.selector.register(wake, selectors.EVENT_READ)
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self.ask_to_stop)

    def say(self, line: str) -> None:
        show(f"plumbline: {line}")

    def breathe(self) -> None:
        """Hear the children while something else is waited for; Stop if we were asked to."""
        hear_all(self.selector, 0)
        if self.stopping:
            raise Stop

    def ask_to_stop(self, *_: Any) -> None:
        self.stopping = True

    # --- from start to stop -----------------------------------------------------------------------
    def run(self) -> int:
        """Run until asked to stop; return the exit code."""
        try:
            self.start()
            self.greet()
            while True:
                self.tick()
        except Stop:
            return 0
        except (DatabaseProblem, preflight.Unfit) as problem:
            self.say(str(problem))
            return 1
        finally:
            self.stop()

    def start(self) -> None:
        started = time.monotonic()
        if self.server:
            self.server.start()
        self.do("migrate", "migrate", "--noinput", "--verbosity", "1")
        self.collect_static_files()
        shutil.rmtree(self.metrics, ignore_errors=True)
        self.metrics.mkdir(mode=0o700)
        for line in (HOME / "Procfile").read_text().splitlines():
            name, _, command = line.partition(": ")
            self.launch(name, [expand(word, self.environ()) for word in shlex.split(command)])
        self.wait_for_web()
        self.up = True
        self.say(f"started in {time.monotonic() - started:.0f} s")
        self.send_sample()

    def stop(self) -> None:
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, signal.SIG_IGN)
        if any(child.process for child in self.children):
            self.say("stopping")
        stop_all(self.children, self.selector)
        if self.server:
            self.server.stop()
        shutil.rmtree(self.metrics, ignore_errors=True)
        self.say("stopped")

    @property
    def metrics(self) -> Path:
        """The folder in which the web processes count; in memory where that can be had.

        They map its files: on a disk that is full the kernel would kill them (SIGBUS) for counting.
        """
        memory = Path("/dev/shm")  # noqa: S108 made by us with mode 0700, or the start fails
        mark = sha256(str(self.var).encode()).hexdigest()[:16]
        if os.access(memory, os.W_OK):
            return memory / f"plumbline-metrics-{os.geteuid()}-{mark}"
        return self.var / "run" / "metrics"

    # --- children ---------------------------------------------------------------------------------
    def environ(self) -> dict[str, str]:
        """Return the environment of the children: ours, with every default filled in."""
        return {
            **web_defaults(),
            **os.environ,
            "PORT": str(self.settings.PORT),
            "HOST": self.settings.HOST,
            "PLUMBLINE_VAR": str(self.var),
            "PROMETHEUS_MULTIPROC_DIR": str(self.metrics),
            "PYTHONUNBUFFERED": "1",
        }

    def launch(self, name: str, command: list[str], once: bool = False, terminal: bool = False) -> Child:
        """Start a child; `python` is the one that we run in."""
        if command[0] == "python":
            command = [sys.executable, *command[1:]]
        child = Child(name, command, self.environ(), self.var / "log" / f"{name}.log", once, terminal)
        child.start()
        child.listen(self.selector)
        self.children.append(child)
        return child

    def do(self, name: str, *arguments: str) -> None:
        """Run a command of manage.py to its end; Unfit where it fails."""
        if self.finish(self.launch(name, ["python", str(HOME / "manage.py"), *arguments], once=True)):
            raise preflight.Unfit(f"`manage.py {arguments[0]}` failed; see {self.var / 'log' / name}.log")

    def finish(self, child: Child) -> int:
        while (code := child.ended()) is None:
            self.tick()
        hear_all(self.selector, 0)
        self.children.remove(child)
        return code

    def tick(self) -> None:
        """Listen for a moment, then see to whoever died.

        Raises:
            Stop: we were asked to.
            Unfit: a child fails again and again.
        """
        hear_all(self.selector, 0.5)
        self.breathe()
        if self.server and self.server.process and (code := self.server.process.poll()) is not None:
            self.say(f"the database ended (exit code {code}); it is started again")
            self.start_database_again(self.server)
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                child.start()
                child.listen(self.selector)
            elif not child.once and (code := child.ended()) is not None:
                delay = child.plan_restart()
                if child.failures > (MOST_FAILURES if self.up else 0) and not (self.up and self.no_room()):
                    raise preflight.Unfit(
                        f"{child.name} ended (exit code {code}) and won't run; see {child.log}"
                    )
                self.say(f"{child.name} ended (exit code {code}); it is started again in {delay:.0f} s")

    def start_database_again(self, server: Server) -> None:
        """Start it; while the disk is full, wait for room: until then the doors refuse, and say why.

        Raises:
            Stop: we were asked to.
            DatabaseProblem: it won't start, and not for want of room.
        """
        told = False
        while True:
            try:
                return server.start()
            except DatabaseProblem:
                if not self.no_room():
                    raise
            if not told:
                self.say(f"the disk of {self.var} is full; the database starts when there is room")
                told = True
            wait_until = time.monotonic() + 5
            while time.monotonic() < wait_until:
                hear_all(self.selector, 0.5)
                self.breathe()

    def no_room(self) -> bool:
        """Whether the disk is so full that nothing can be expected to run."""
        return shutil.disk_usage(self.var).free < NO_ROOM_BYTES

    # --- the steps --------------------------------------------------------------------------------
    def collect_static_files(self) -> None:
        """Gather the static files, where any changed since the last time."""
        seen = sha256((HOME / "package-lock.json").read_bytes())
        for path in sorted((HOME / "static").rglob("*")):
            if path.is_file():
                seen.update(f"{path} {path.stat().st_mtime_ns} {path.stat().st_size}\n".encode())
        stamp = self.var / "run" / "static"
        if stamp.exists() and stamp.read_text() == seen.hexdigest():
            return
        self.do("static", "collectstatic", "--noinput", "--clear", "--verbosity", "0")
        stamp.write_text(seen.hexdigest())

    @property
    def inside(self) -> str:
        """The address at which this machine itself reaches the web server."""
        host = self.settings.HOST
        if ipaddress.ip_address(socket.gethostbyname(host) if ":" not in host else host).is_unspecified:
            host = "::1" if ":" in host else "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.PORT}"

    def wait_for_web(self) -> None:
        deadline = time.monotonic() + WEB_START_SECONDS
        while not self.answers():
            self.tick()
            if time.monotonic() > deadline:
                raise preflight.Unfit(f"web does not answer; see {self.var / 'log' / 'web.log'}")

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.inside}/healthz", timeout=5) as answer:  # noqa: S310 it is http
                return bool(answer.status == 200)
        except (URLError, OSError) as problem:
            # An answer that isn't 200 (a host name that isn't allowed, a redirect) is one nevertheless.
            return getattr(problem, "code", None) is not None

    def send_sample(self) -> None:
        """Fill a new installation with the sample factory; what can't be sent stops nothing."""
        stamp = self.var / "run" / "sample-sent"
        if not self.settings.SAMPLE or self.settings.PRODUCTION or stamp.exists():
            return
        self.say("sending the sample factory through the doors (SAMPLE=0 starts empty)")
        command = ["python", str(HOME / "manage.py"), "sample", "--url", self.inside]
        if self.finish(self.launch("sample", command, once=True, terminal=sys.stdout.isatty())):
            self.say("the sample is not complete, for the reason above; `make sample` sends what is missing")
        else:
            stamp.touch()

    def greet(self) -> None:
        """Print where Plumbline is, who can sign in and what to look at first."""
        url = self.settings.PUBLIC_URL
        lines = ["", f"Plumbline runs at {url}  ({self.settings.MODE} mode)", ""]
        people = self.var / "sample-people.json"
        if people.exists():
            lines += ["Sign in as one of the sample's people:"]
            lines += [
                f"  {person['email']:<34} {person['password']:<22} {person['role']}"
                for person in json.loads(people.read_text())
            ]
            lines += ["", "Click first: Trace a failure, then Overview and Lineage."]
        else:
            lines += [
                "Make the first person who can sign in, in another terminal:",
                "  make administrator EMAIL=you@example.org",
                "",
                "Click first: Connect a source.",
            ]
        lines += [f"Logs and data: {self.var}", "Stop: Ctrl-C", ""]
        show("\n".join(lines))


def _only_one(var: Path) -> tuple[IO[str], bool]:
    """Return the file that says that we run in `var`, locked, and whether the last run was killed."""
    file = (var / "run" / "plumbline.pid").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        raise preflight.Unfit(f"Plumbline already runs in {var} (process {file.read().strip()})") from None
    file.seek(0)
    killed = bool(file.read().strip())
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file, killed


def main() -> int:
    """Run Plumbline; return the exit code."""
    try:
        preflight.check_python()
        var = preflight.var_folder()
        pid_file, killed = _only_one(var)
        preflight.check_port_number(os.environ.get("PORT", ""))
        settings = preflight.settings()
        preflight.check_port(settings.HOST, settings.PORT, patience=15 if killed else 0)
        if not settings.EMBEDDED_DATABASE:
            preflight.check_database(settings.DATABASE_URL)
        if not settings.EMBEDDED_BROKER:
            preflight.check_broker(settings.CELERY_BROKER_URL)
    except preflight.Unfit as problem:
        show(f"plumbline: {problem}")
        return 1
    with pid_file:
        code = Supervisor(var, settings).run()
        pid_file.truncate(0)
    return code


if __name__ == "__main__":
    sys.exit(main())
