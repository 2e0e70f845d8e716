"""Every record of every source is accounted for: in the journal, or among the dead letters."""
import collections, json, load
from cluster import JournalRecord


class Journal:
    """What a fold takes of the journal's events by the origin rule: of each source partition only what
    is beyond the highest offset seen so far."""

    def __init__(self, cluster):
        self.kinds = collections.Counter()
        self.taken = collections.defaultdict(set)
        self.repetitions = 0
        self.complaints = []
        highest = {}
        for partition, offset, _, value in cluster.read("kairos.journal"):
            record = JournalRecord(value)
            self.kinds[record.kind] += 1
            if record.kind != "event":
                continue
            lane = (partition, record.origin, record.origin_partition)
            taken = self.taken[lane]
            if record.origin_offset > highest.get(lane, -1):
                highest[lane] = record.origin_offset
                taken.add(record.origin_offset)
            elif record.origin_offset in taken:
                self.repetitions += 1
            else:
                self.complaints.append(
                    f"kairos.journal-{partition} offset {offset}: {record.origin}-{record.origin_partition} "
                    f"{record.origin_offset} comes behind {highest[lane]} and is dropped as a repetition")


def account(cluster):
    """(figures, complaints)"""
    journal = Journal(cluster)
    complaints = journal.complaints
    known = collections.defaultdict(set)
    for (partition, source, source_partition), offsets in journal.taken.items():
        twice = known[source, source_partition] & offsets
        complaints += [f"{source}-{source_partition} offset {offset} is in two partitions of the journal"
                       for offset in sorted(twice)]
        known[source, source_partition] |= offsets
    letters = collections.defaultdict(set)
    for headers in cluster.headers("kairos.dead-letters"):
        place = headers["kairos_source"], int(headers["kairos_partition"])
        letters[place].add(int(headers["kairos_offset"]))
    records = 0
    for source, (topic, _, _, _) in load.SOURCES.items():
        for partition, offset, _, _ in cluster.read(topic):
            records += 1
            if offset not in known[source, partition] and offset not in letters[source, partition]:
                complaints.append(f"{topic}-{partition} offset {offset} is neither in the journal nor "
                                  "among the dead letters")
    outcomes = collections.Counter(
        json.loads(value)["outcome"] for _, _, _, value in cluster.read("decisions"))
    return {
        "outcomes": dict(outcomes.most_common()), "source_records": records, "journal_events": journal.kinds["event"],
        "journal_ticks": journal.kinds["tick"], "journal_repetitions": journal.repetitions,
        "dead_letters": sum(map(len, letters.values())),
    }, complaints
