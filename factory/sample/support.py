"""The support department: its knowledge base, the assistant that searches it, and what that uses."""

from collections.abc import Iterator
from typing import Any

from openlineage.client import event_v2

from factory.sample import tables
from factory.sample.clock import Clock, text
from factory.sample.events import Event, emit, ref
from factory.sample.runs import AIRFLOW, Job, Run, State
from factory.sample.tables import At

SUPPORT = "airflow-support"
SERVING = "prod-eu"
ASSISTANT, FALLBACK = "support-llm", "support-llm-fallback"
AGENT, SPECIALIST = "support-assistant", "support-card-specialist"
MODELS = "mlops-registry"
#: day -> the adapter that the assistant answers with from then on
ADAPTERS = {-41: "2.0", -23: "2.1"}
#: day -> the agent's version, made by a change of its prompt
PROMPTS = {-41: "7", -12: "8"}
TOOLS = ["search_knowledge_base", "account_status", "create_ticket"]

KB_DAG = Job(
    SUPPORT,
    "knowledge_base",
    AIRFLOW,
    tables.SUPPORT_LEAD,
    "Rebuilds the assistant's index.",
    "DAG",
)
STEPS = [
    (tables.ARTICLES, tables.KB_EXPORT, "export", 1_900),
    (tables.KB_EXPORT, tables.KB_CHUNKS, "chunk", 14_300),
    (tables.KB_CHUNKS, tables.KB_INDEX, "index", 14_300),
]
#: The day on which a run by hand was started that never ended.
LEFT_OPEN_ON = -5
BY_HAND = Job(
    SUPPORT,
    "knowledge_base.check_links",
    AIRFLOW,
    tables.SUPPORT_LEAD,
    "Looks for articles whose links lead nowhere; started by hand.",
    path="dags/check_links.py",
)
TICKET_JOB = Job(
    SUPPORT,
    "export_tickets",
    AIRFLOW,
    tables.SUPPORT_LEAD,
    "Solved tickets, without names and numbers.",
    path="dags/tickets.py",
)


def current(days: dict[int, str], day: int) -> str:
    return days[max(first for first in days if first <= day)]


def pipelines(clock: Clock) -> Iterator[event_v2.RunEvent]:
    """What Airflow of the support department sends. It names no versions: Plumbline infers them."""
    for day in clock.days():
        dag = Run(clock.id("kb", day), KB_DAG, clock.at(day, 4, 0), clock.at(day, 4, 41))
        start, complete = dag.events()
        yield start
        for number, (source, target, step, rows) in enumerate(STEPS):
            job = Job(
                SUPPORT,
                f"knowledge_base.{step}",
                AIRFLOW,
                tables.SUPPORT_LEAD,
                f"Makes {target.name}.",
                path="dags/knowledge_base.py",
            )
            yield from Run(
                clock.id("kb", step, day),
                job,
                clock.at(day, 4, 2 + 12 * number),
                clock.at(day, 4, 12 + 12 * number),
                [At(source)],
                [At(target)],
                dag,
                rows=rows + (day + 42) * 3,
            ).events()
        yield complete
        if day in (-41, -24):
            yield from tickets(clock, day)
        if day == LEFT_OPEN_ON:
            yield left_open(clock, day)


def left_open(clock: Clock, day: int) -> event_v2.RunEvent:
    """A run that somebody started by hand and of which nothing more was heard: it never ended."""
    run = Run(clock.id("by hand", day), BY_HAND, clock.at(day, 15, 20), clock.at(day, 15, 20))
    return run.events()[0]


def tickets(clock: Clock, day: int) -> list[event_v2.RunEvent]:
    """The export that the adapter learns from: a long run, which says how it goes on."""
    run = Run(
        clock.id("tickets", day),
        TICKET_JOB,
        clock.at(day, 9, 0),
        clock.at(day, 9, 50),
        outputs=[At(tables.TICKETS, clock.date(day))],
        rows=38_000 + (day + 41) * 90,
    )
    start, complete = run.events()
    halfway = run.event(State.RUNNING, clock.at(day, 9, 25), [], [])
    return [start, halfway, complete]


def registrations(clock: Clock) -> Iterator[Event]:
    """The model that was bought, the adapters trained on top of it."""
    yield emit(
        clock,
        "mlops-registry",
        "factory.model_version.registered",
        clock.at(-41, 0, 40),
        {
            "namespace": MODELS,
            "name": "meridian-8b-instruct",
            "version": "1.2",
            "digest": clock.id("weights", "8b").hex,
            "framework": "safetensors",
            "precision": "bf16",
            "materiality": "medium",
            "department": "risk-data",
        },
    )
    for day, version in ADAPTERS.items():
        trained_on = clock.date(-41 if version == "2.0" else -24)
        yield emit(
            clock,
            "mlops-registry",
            "factory.model_version.registered",
            clock.at(day, 10, 30),
            {
                "namespace": MODELS,
                "name": "support-adapter",
                "version": version,
                "inputs": [ref(tables.TICKETS, trained_on, role="finetune")],
                "derived_from": [
                    {
                        "namespace": MODELS,
                        "name": "meridian-8b-instruct",
                        "version": "1.2",
                        "relation": "adapter",
                    }
                ],
                "code": {
                    "repository": "https://git.harbourvale.example/models/support.git",
                    "revision": "b81f0ac",
                },
                "parameters_digest": clock.id("lora", version).hex,
                "framework": "peft",
                "precision": "bf16",
                "materiality": "medium",
                "department": "customer-support",
            },
        )
        answered = clock.chance("suite", version).uniform(0.86, 0.93)
        yield emit(
            clock,
            "mlops-registry",
            "factory.test.recorded",
            clock.at(day, 11, 5),
            {
                "model": {"namespace": MODELS, "name": "support-adapter", "version": version},
                "suite": "grounded-answers",
                "passed": True,
                "metrics": {"grounded_rate": round(answered, 4), "refusal_rate": 0.031},
            },
        )


def deployments(clock: Clock) -> Iterator[Event]:
    common = {
        "environment": "production",
        "region": "eu-central",
        "jurisdiction": "EU",
        "department": "customer-support",
        "system": "support-assistance",
    }
    for day, version in ADAPTERS.items():
        yield emit(
            clock,
            "cluster-deployer",
            "factory.deployment.changed",
            clock.at(day, 13, 0),
            {
                **common,
                "namespace": SERVING,
                "name": ASSISTANT,
                "state": "serving",
                "share": 1,
                "model": {"namespace": MODELS, "name": "support-adapter", "version": version},
                "accelerator": "L40S",
                "accelerator_count": 2,
                "precision": "bf16",
                "fallback": {"namespace": SERVING, "name": FALLBACK},
            },
        )
    yield emit(
        clock,
        "cluster-deployer",
        "factory.deployment.changed",
        clock.at(-41, 13, 5),
        {
            **common,
            "namespace": SERVING,
            "name": FALLBACK,
            "state": "serving",
            "share": 1,
            "model": {"namespace": "northwind-ai", "name": "nw-large", "version": "2026-08"},
        },
    )


def agents(clock: Clock) -> Iterator[Event]:
    for day, version in PROMPTS.items():
        yield emit(
            clock,
            "agent-platform",
            "factory.agent.registered",
            clock.at(day, 14, 0),
            {
                "agent": AGENT,
                "version": version,
                "title": "Support assistant",
                "department": "customer-support",
                "owner": tables.SUPPORT_LEAD,
                "state": "active",
                "deployment": {"namespace": SERVING, "name": ASSISTANT},
                "prompt_digest": clock.id("prompt", version).hex,
                "tools": TOOLS,
                "indexes": [ref(tables.KB_INDEX)],
            },
        )
    yield emit(
        clock,
        "agent-platform",
        "factory.agent.registered",
        clock.at(-30, 14, 0),
        {
            "agent": SPECIALIST,
            "version": "1",
            "title": "Card specialist",
            "department": "customer-support",
            "owner": tables.SUPPORT_LEAD,
            "state": "active",
            "parent_agent": AGENT,
            "deployment": {"namespace": SERVING, "name": ASSISTANT},
            "prompt_digest": clock.id("prompt", "card").hex,
            "tools": ["account_status", "block_card"],
            "indexes": [ref(tables.KB_INDEX)],
        },
    )


def conversations(clock: Clock) -> Iterator[Event]:
    """Each conversation is a task; it uses tokens, answers something, and somebody may look at it."""
    for day in clock.days():
        luck = clock.chance("conversations", day)
        for number in range(int(luck.randrange(22, 34) * clock.busy(day))):
            yield from conversation(clock, day, number)


def conversation(clock: Clock, day: int, number: int) -> Iterator[Event]:
    luck = clock.chance("conversation", day, number)
    time = clock.at(day, luck.randrange(7, 19), luck.randrange(60), luck.randrange(60))
    name = f"chat-{clock.date(day)}-{number:03}"
    fallback = luck.random() < 0.06
    deployment = {"namespace": SERVING, "name": FALLBACK if fallback else ASSISTANT}
    agent = SPECIALIST if day >= -30 and luck.random() < 0.2 else AGENT
    trace = clock.id("trace", name).hex
    fed, said = luck.randrange(900, 5_200), luck.randrange(120, 900)
    usage: dict[str, Any] = {
        "meters": {
            "input_tokens": fed,
            "cached_input_tokens": int(fed * luck.uniform(0.2, 0.7)),
            "output_tokens": said,
            "requests": luck.randrange(1, 5),
        },
        "deployment": deployment,
        "agent": agent,
        "task": name,
        "department": "customer-support",
        "trace_id": trace,
        "span_id": trace[:16],
        "status": "ok",
        "latency_ms": luck.randrange(420, 3_900),
        "tags": {"channel": luck.choice(["app", "web", "branch"])},
    }
    if fallback:
        usage |= {
            "service_provider": "Northwind AI",
            "sku": "nw-large",
            "region": "eu-west",
            "billed_cost": {"amount": f"{(fed * 2.5 + said * 10) / 1_000_000:.6f}", "currency": "EUR"},
        }
    else:
        usage["meters"]["gpu_seconds"] = str(round(said / 90, 3))
    yield emit(clock, "llm-gateway", "factory.usage.recorded", time, usage, name)
    solved = luck.random() < 0.84
    yield emit(
        clock,
        "agent-platform",
        "factory.task.completed",
        time,
        {
            "task": name,
            "agent": agent,
            "deployment": deployment,
            "succeeded": solved,
            "value": "3.20" if solved else "0",
        },
        name,
    )
    if number % 6:
        return
    yield emit(
        clock,
        "agent-platform",
        "factory.outcome.recorded",
        time,
        {
            "outcome": name,
            "deployment": deployment,
            "agent": agent,
            "trace_id": trace,
            "inputs": [ref(tables.KB_INDEX, role="context")],
            "result": "answered" if solved else "handed over",
            "subject_digest": clock.id("customer", luck.randrange(4_000)).hex,
            **(
                {}
                if number % 12
                else {
                    "human_review": {
                        "reviewer": tables.SUPPORT_LEAD,
                        "verdict": "confirmed" if solved else "corrected",
                    }
                }
            ),
        },
        name,
    )


def slow_evening(clock: Clock) -> Iterator[Event]:
    """A slow evening, which the monitoring tool reported in the words of CDEvents, and its end."""
    subject = {
        "id": "support-llm-latency",
        "source": "//monitoring.harbourvale.example",
        "type": "incident",
    }
    for kind, minute in (("detected", 5), ("resolved", 47)):
        time = clock.at(-15, 18, minute)
        content: dict[str, Any] = {
            "description": "Answers took longer than 8 seconds",
            "environment": {"id": SERVING},
            "service": {"id": ASSISTANT, "source": SERVING},
        }
        yield emit(
            clock,
            "monitoring",
            f"dev.cdevents.incident.{kind}.0.2.0",
            time,
            {
                "context": {
                    "version": "0.4.1",
                    "id": str(clock.id("cdevents", kind)),
                    "timestamp": text(time),
                    "source": "//monitoring.harbourvale.example",
                    "type": f"dev.cdevents.incident.{kind}.0.2.0",
                },
                "subject": {**subject, "content": content},
            },
        )
