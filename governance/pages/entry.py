"""One entry of the log: what it says, where it stands, and the proof that it does."""

import json
from typing import Any, NamedTuple
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from governance.audit import store
from governance.audit.models import Entry, Place
from governance.audit.signing.keys import verifier_keys
from governance.audit.subjects import personal_data
from governance.audit.tlog.checkpoint import open_checkpoint
from governance.audit.tlog.merkle import ProofError, leaf_hash, verify_inclusion
from governance.audit.tlog.notes import NoteError
from governance.audit.verify.words import plain
from governance.pages.audit import act_of, target_links, who, with_names


class Step(NamedTuple):
    """One step of a verification: what was done, and whether it held."""

    holds: bool
    what: str
    found: str


def _steps(entry: Entry, place: Place) -> list[Step]:
    """Check the entry's receipt as an auditor would: its hash, the signature, the way to the root."""
    proof = store.receipt(entry.pk)
    leaf = leaf_hash(bytes(entry.leaf))
    steps = [Step(True, "Hash the entry", f"SHA-256 of a zero byte and the entry: {leaf.hex()}")]
    try:
        head, note = open_checkpoint(proof.checkpoint, verifier_keys(place.log), place.log.origin)
    except NoteError as error:
        return [*steps, Step(False, "Check the signature of the checkpoint", str(error))]
    signed = ", ".join(dict.fromkeys(signature.name for signature in note.signatures))
    steps.append(
        Step(True, "Check the signature of the checkpoint", f"{head.size:,} entries, signed by {signed}")
    )
    way = f"{len(proof.hashes)} hashes from place {proof.index:,} to the root {head.root.hex()}"
    try:
        verify_inclusion(proof.index, head.size, leaf, proof.hashes, head.root)
    except ProofError as error:
        return [*steps, Step(False, "Follow the receipt to the root", f"{way}: {error}")]
    return [*steps, Step(True, "Follow the receipt to the root", way)]


def _readable(leaf: bytes) -> str:
    """Return the leaf in lines; what would show it in another order, or not at all, is spelt out."""
    lines = json.dumps(json.loads(leaf), indent=2, ensure_ascii=False).split("\n")
    return "\n".join(plain(line) for line in lines)


@never_cache
@require_safe
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """GET /audit/entry/<id>/; `verify` shows the receipt being checked."""
    entry = get_object_or_404(Entry, pk=pk)
    with_names([entry])
    place = Place.objects.select_related("log").filter(entry=entry).first()
    head = store.published(place.log) if place else None
    covered = place is not None and head is not None and head.size > place.index
    said = entry.said
    personal = personal_data(said)
    context: dict[str, Any] = {
        "entry": entry,
        "act": act_of(entry.action),
        "who": who(entry),
        "said": said,
        "targets": target_links(entry),
        "personal": personal,
        "destroyed": "sealed" in said and not personal,
        "place": place,
        "head": head,
        "covered": covered,
        "leaf": _readable(bytes(entry.leaf)),
    }
    if covered and place and "verify" in request.GET:
        context["steps"] = _steps(entry, place)
    return render(request, "governance/entry.html", context)
