"""Who uses the works while they are killed, and remembers what they were told."""

import json
import random
import threading
import time
from uuid import uuid4

import httpx

from factory.kit.grants import Issued
from tests.conformance.plant import Plant
from tests.conformance.sending import Sender
from tests.personas import PASSWORD
from tests.soak.works import Works

SENDERS = 2
#: Receipts that are kept until the end, at most.
MOST_RECEIPTS = 5_000


class Person(threading.Thread):
    """Signs in and out. The log keeps the X-Request-ID of each request, so that every act can be found."""

    #: Seconds between two acts: nobody may sign in more than thirty times a minute.
    PAUSE = 1.1

    def __init__(self, plant: Plant, email: str) -> None:
        super().__init__(daemon=True)
        self.plant, self.email = plant, email
        self.acknowledged: list[str] = []
        self.statuses: set[int] = set()
        self.stop = threading.Event()

    def run(self) -> None:
        token = "a" * 32
        while not self.stop.wait(self.PAUSE):
            cookies = self._ask("/accounts/login/", {"csrftoken": token}, login=self.email, password=PASSWORD)
            if not self.stop.wait(self.PAUSE) and "sessionid" in cookies:
                self._ask("/accounts/logout/", cookies)

    def _ask(self, path: str, cookies: dict[str, str], **form: str) -> dict[str, str]:
        """Post the form; return the cookies that came."""
        number = str(uuid4())
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"],
            "X-Request-ID": number,
        }
        try:
            answer = httpx.post(f"{self.plant.url}{path}", data=form, headers=headers, timeout=30)
        except httpx.TransportError:
            return {}
        self.statuses.add(answer.status_code)
        if answer.status_code == 302:
            self.acknowledged.append(number)
        return dict(answer.cookies)


class Auditor(threading.Thread):
    """Asks for checkpoints and receipts all the time, and keeps what was shown."""

    def __init__(self, works: Works, token: Issued, senders: list[Sender]) -> None:
        super().__init__(daemon=True)
        self.works, self.token, self.senders = works, token, senders
        #: Every checkpoint that was served, by size; receipts by the id of their entry.
        self.checkpoints: dict[int, bytes] = {}
        self.receipts: dict[str, bytes] = {}
        #: What the file `published` said: size and root in base64.
        self.noted: set[tuple[int, str]] = set()
        #: What may never be seen.
        self.wrong: list[str] = []
        self.stop = threading.Event()
        self._newest = self._newest_noted = 0
        self._reading = threading.Lock()

    def run(self) -> None:
        client = self.works.web.client(self.token, timeout=10)
        while not self.stop.wait(0.05):
            self.read_note()
            try:
                self._ask(client)
            except httpx.TransportError:
                client.close()
                client = self.works.web.client(self.token, timeout=10)
                time.sleep(0.1)
        client.close()

    def read_note(self) -> None:
        """Read the file that tells the next sequencer what was signed; it must never go back."""
        with self._reading:
            self._read_note()

    def _read_note(self) -> None:
        try:
            said = json.loads((self.works.var / "log" / "published").read_text())
        except FileNotFoundError:
            return
        except ValueError as error:
            self.wrong.append(f"the file `published` could be seen half-written: {error}")
            return
        size = said["size"]
        if size < self._newest_noted:
            self.wrong.append(f"after {self._newest_noted} entries the file `published` noted {size}")
        self._newest_noted = max(self._newest_noted, size)
        self.noted.add((size, said["root"]))

    def _ask(self, client: httpx.Client) -> None:
        answer = client.get("/tlog/checkpoint")
        if answer.status_code == 200:
            size = int(answer.text.split("\n")[1])
            if size < self._newest:
                self.wrong.append(f"after a checkpoint of {self._newest} entries one of {size} was served")
            self._newest = max(self._newest, size)
            self.checkpoints[size] = answer.content
        told = random.choice([self.works.kept, *(sender.submissions for sender in self.senders)])
        if told and len(self.receipts) < MOST_RECEIPTS:
            entry = random.choice(told[-200:])
            answer = client.get(f"/tlog/receipt/{entry}")
            if answer.status_code == 200:
                self.receipts.setdefault(entry, answer.content)


class Crowd:
    """All of them."""

    def __init__(self, works: Works, namespace: str, email: str) -> None:
        self.works, self.namespace = works, namespace
        token = works.web.token("all")
        self.token = token
        self.senders = [Sender(works.web, token, namespace, number, pause=0.1) for number in range(SENDERS)]
        self.person = Person(works.web, email)
        self.auditor = Auditor(works, token, self.senders)
        self._threads: list[Sender | Person] = [*self.senders, self.person]

    def start(self) -> None:
        for thread in (*self._threads, self.auditor):
            thread.start()

    def stop_writing(self) -> None:
        """Stop whoever writes; the auditor goes on."""
        for thread in self._threads:
            thread.stop.set()
        for thread in self._threads:
            thread.join()
        self.works.stop_writer()

    def stop(self) -> None:
        everybody = (*self._threads, self.auditor)
        for thread in everybody:
            thread.stop.set()
        for thread in everybody:
            if thread.ident is not None:
                thread.join()

    def acknowledged(self) -> list[list[str]]:
        """Return the ids of entries that are acknowledged, each list only ever growing."""
        return [self.works.kept, *(sender.submissions for sender in self.senders)]
