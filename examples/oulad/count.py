#!/usr/bin/env python3
"""Counts what the playbook beside this file should have decided, by brute force: each student's whole
history is looked at again at every instant at which anything could change. Shares no code with Kairos.

    count.py ARCHIVE DECISIONS    events (.ndjson or .ndjson.gz), and what `kairos replay -o` wrote

Prints both counts per decision; exit code 1 if any decision of one is not in the other."""
import collections, gzip, json, math, sys
from datetime import datetime, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

DAY = 86400
LONDON = ZoneInfo("Europe/London")
WORK = ("submitted_TMA", "submitted_CMA")


def instant(text):
    return int(datetime.strptime(text, "%d/%m/%Y %H:%M").replace(tzinfo=LONDON).timestamp())


def written(t):
    return datetime.fromtimestamp(t, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def tutor_calls(work):
    """A week late, then the next mark below 40 within 30 days: each start is used up by the first."""
    found = set()
    for i, (start, first) in enumerate(work):
        if (first.get("late_days") or 0) < 7:
            continue
        for j in range(i + 1, len(work)):
            t, event = work[j]
            if event.get("score") is not None and event["score"] < 40:
                if t - start < 30 * DAY:
                    found.add(j)
                break
    return [work[j][0] for j in found]


def state(seen, now):
    """Whether the student has gone quiet, and how likely it is that they leave."""
    joined = sum(e["what"] == "registered" for _, e in seen)
    left = sum(e["what"] == "unregistered" for _, e in seen)
    work = [(t, e) for t, e in seen if e["what"] in WORK]

    def within(newest, oldest):
        return [e for t, e in work if now - oldest * DAY < t <= now - newest * DAY]

    def mean(newest, oldest):
        marks = [Fraction(str(e["score"])) for e in within(newest, oldest) if e.get("score") is not None]
        return float(sum(marks) / len(marks)) if marks else 80.0

    quiet = joined > left and not within(0, 45) and bool(within(0, 150)) and not within(150, 550)
    late = sum((e.get("late_days") or 0) > 0 for e in within(0, 60))
    return quiet, 1 / (1 + math.exp(2.0 - 0.5 * late - 0.04 * (mean(60, 120) - mean(0, 60))))


def wanted(events):
    work = [(t, e) for t, e in events if e["what"] in WORK]
    for t, e in events:
        if e["what"] == "unregistered":
            yield t, "exit_survey"
    for t in tutor_calls(work):
        yield t, "tutor_call"
    instants = {t for t, _ in events}
    instants |= {t + days * DAY for t, _ in work for days in (45, 60, 120, 150, 550)}
    known, was_quiet, risk_before = 0, False, 0.0
    for now in sorted(instants):
        looks = [known]  # once for what time alone has moved, then after each event of the instant
        while known < len(events) and events[known][0] == now:
            known += 1
            looks.append(known)
        for count in looks:
            quiet, risk = state(events[:count], now)
            if quiet and not was_quiet:
                yield now, "check_in"
            if risk_before < 0.6 <= risk:
                yield now, "at_risk"
            was_quiet, risk_before = quiet, risk


def main(archive, decisions):
    students = collections.defaultdict(list)
    with (gzip.open if archive.endswith(".gz") else open)(archive, "rt") as lines:
        for line in lines:
            event = json.loads(line)
            students[event["student"]].append((instant(event["when"]), event))
    ours = collections.Counter(
        (student, written(t), decision)
        for student, events in students.items() for t, decision in wanted(events))
    with open(decisions) as lines:
        theirs = collections.Counter(
            (d["customer"], d["time"], d["decision"]) for d in map(json.loads, lines) if d["revision"] == 0)
    for name in sorted({key[2] for key in ours + theirs}):
        a = collections.Counter({k: n for k, n in ours.items() if k[2] == name})
        b = collections.Counter({k: n for k, n in theirs.items() if k[2] == name})
        print(f"{name}: {sum(a.values())} counted here, {sum(b.values())} decided,"
              f" {sum((a - b).values())} only here, {sum((b - a).values())} only decided")
    return 0 if ours == theirs else 1


sys.exit(main(*sys.argv[1:]))
