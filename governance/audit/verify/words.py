"""A report as a person reads it."""

from datetime import datetime

from governance.audit.verify.report import Report, Verdict

#: How many of the entries that were found are named.
_NAMED = 10


def in_words(report: Report, seconds: float) -> str:
    """Return the report as lines of text; the last ones say what it comes to."""
    lines = [
        *_log(report),
        *_checked(report, seconds),
        *_compared(report),
        *_stamped(report),
        *_found(report),
    ]
    lines += [f"note: {warning}" for warning in report.warnings]
    if not (report.findings or report.consistent_with or report.cosigned_by):
        beside = "beside the timestamps, " if report.timestamps else ""
        lines.append(
            f"note: {beside}only the log's own key vouches for it; an older checkpoint (--checkpoint) or "
            "witnesses (--policy) would show if its holder had written the history anew"
        )
    return "".join(f"{plain(line)}\n" for line in (*lines, *_verdict(report)))


def plain(text: str) -> str:
    """Return `text` with everything spelt out that a terminal would act upon: names come from anybody."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _log(report: Report) -> list[str]:
    if not report.origin:
        return []
    lines = [f"log {report.origin}: {report.size} entries, root hash {report.root}"]
    lines += [f"signed by {_short(key)}" for key in report.signed_by]
    lines += [f"cosigned by {name}{_time(at)}" for name, at in report.cosigned_by.items()]
    if report.quorum_met:
        lines.append("cosigned by as many as the policy asks for")
    return lines


def _short(key: str) -> str:
    """Return name and hash of a verifier key, by which people know it."""
    name, key_id, _ = key.split("+", 2)
    return f"{name}+{key_id}"


def _time(at: str) -> str:
    return f", {datetime.fromisoformat(at):%Y-%m-%d %H:%M:%S} UTC" if at else ""


def _checked(report: Report, seconds: float) -> list[str]:
    lines = []
    if report.entries_checked or report.tiles_checked:
        speed = f", {report.entries_checked / seconds:,.0f} entries a second" if seconds > 1 else ""
        span = f", entries {report.start} to {report.end - 1} asked for" if _is_part(report) else ""
        lines.append(
            f"checked {report.entries_checked} entries and {report.tiles_checked} tiles "
            f"in {seconds:.1f} s{speed}{span}"
        )
    if pruned := report.pruned:
        lines.append(
            f"pruned below entry {pruned.minimum_index}, as entry {pruned.entry} says: "
            f"{pruned.absent} entries are not there and were not checked"
        )
    return lines


def _is_part(report: Report) -> bool:
    return report.end - report.start != report.size


def _compared(report: Report) -> list[str]:
    lines = [f"continues {name} ({size} entries)" for name, size in report.consistent_with.items()]
    if cites := report.cites:
        lines.append(f"follows upon the log {cites.origin}: {cites.size} entries, root hash {cites.root}")
    return lines + [f"{name} is the checkpoint of that log" for name in report.cited]


def _stamped(report: Report) -> list[str]:
    lines = [
        f"the first {each.size} entries existed at {datetime.fromisoformat(each.at):%Y-%m-%d %H:%M:%S} UTC "
        f"by the word of {each.authority} ({each.timestamp})"
        for each in report.timestamps
    ]
    if len(lines) > _NAMED:
        lines[1:-1] = [f"{len(lines) - 2} more timestamps between these two hold; --json names them"]
    return lines


def _found(report: Report) -> list[str]:
    lines = []
    for name, indexes in report.included.items():
        for index in indexes[:_NAMED]:
            said = report.entries.get(index, {})
            what = [said.get("action", ""), said.get("outcome", "")]
            if recorded := said.get("recorded_at"):
                what.append(f"recorded {recorded}")
            described = ", ".join(filter(None, what))
            lines.append(f"{name} is entry {index}" + (f": {described}" if described else ""))
        if len(indexes) > _NAMED:
            lines.append(f"{name} is in {len(indexes) - _NAMED} more entries")
    return lines


def _verdict(report: Report) -> list[str]:
    lines = [f"not checked: {each}" for each in report.unchecked]
    match report.verdict:
        case Verdict.GOOD:
            lines.append("GOOD: everything that was asked holds")
        case Verdict.UNCHECKED:
            lines.append("UNCHECKED: nothing wrong was found, but not all that was asked could be checked")
        case Verdict.BAD:
            lines.append(f"BAD: the first bad place is {report.first}")
            ordered = sorted(report.findings, key=lambda finding: finding.position)
            lines += [f"     also {finding}" for finding in ordered if finding != report.first]
            if report.stopped:
                lines.append("     and perhaps more: stopped here")
    return lines
