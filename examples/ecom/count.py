#!/usr/bin/env python3
"""Counts what the playbook beside this file should have decided, customer by customer, by looking
forward and back in each one's whole history. Shares no code with Kairos.

    count.py ARCHIVE DECISIONS    events (.ndjson or .ndjson.gz, in any order), and what `kairos replay
                                  -o` wrote of the same events sorted by time

Prints both counts per decision; exit code 1 if any decision of one is not in the other."""
import collections, gzip, json, sys
from datetime import datetime, timezone

HOUR = 3600
FAILURES = ("checkout_bug", "payment_error", "error_page")


def written(t):
    return datetime.fromtimestamp(t, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ends(events, starts, goal, span):
    """Places of `goal` that end a sequence: each start is used up by the first goal after it."""
    found = set()
    for i, (start, what, _) in enumerate(events):
        if what in starts:
            for j in range(i + 1, len(events)):
                if events[j][1] == goal:
                    if events[j][0] - start < span:
                        found.add(j)
                    break
    return [events[j][0] for j in found]


def wanted(events):
    for i, (t, what, platform) in enumerate(events):
        if what == "checkout_bug" and platform == "mobile":
            if not any(w == "purchase" and s < t + 24 * HOUR for s, w, _ in events[i + 1:]):
                yield t + 24 * HOUR, "saved_cart"
    for t in ends(events, ("shipping_details", "payment_details"), "payment_error", HOUR):
        yield t, "other_payment"
    for t in ends(events, ("checkout_bug", "payment_error"), "purchase", 24 * HOUR):
        yield t, "thank_you"
    week = 7 * 24 * HOUR
    instants = {t for t, _, _ in events} | {t + week for t, what, _ in events if what in FAILURES}
    known, before = 0, False
    for now in sorted(instants):
        looks = [known]
        while known < len(events) and events[known][0] == now:
            known += 1
            looks.append(known)
        for count in looks:
            trouble = sum(w in FAILURES and now - week < t <= now for t, w, _ in events[:count]) >= 3
            if trouble and not before:
                yield now, "support_call"
            before = trouble


def main(archive, decisions):
    lines = set()
    with (gzip.open if archive.endswith(".gz") else open)(archive, "rt") as file:
        for number, line in enumerate(file):
            e = json.loads(line)
            at = datetime.strptime(e["timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
            lines.add((int(at.timestamp()), number, e["user_id"], e["session_id"], e["event"], e["platform"]))
    users, seen = collections.defaultdict(list), set()
    for t, _, user, session, what, platform in sorted(lines):
        if (t, user, session, what, platform) not in seen:
            seen.add((t, user, session, what, platform))
            users[user].append((t, what, platform))
    ours = collections.Counter(
        (user, written(t), decision)
        for user, events in users.items() for t, decision in wanted(events))
    with open(decisions) as file:
        theirs = collections.Counter(
            (d["customer"], d["time"], d["decision"]) for d in map(json.loads, file) if d["revision"] == 0)
    for name in sorted({key[2] for key in ours + theirs}):
        a = collections.Counter({k: n for k, n in ours.items() if k[2] == name})
        b = collections.Counter({k: n for k, n in theirs.items() if k[2] == name})
        print(f"{name}: {sum(a.values())} counted here, {sum(b.values())} decided,"
              f" {sum((a - b).values())} only here, {sum((b - a).values())} only decided")
    return 0 if ours == theirs else 1


sys.exit(main(*sys.argv[1:]))
