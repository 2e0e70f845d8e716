"""What the benchmarks on Kafka share: a cluster with Kairos' topics, a steady load, and the eyes of a
subscriber who notes when he sees what."""
import collections, os, pathlib, signal, subprocess, sys, threading, time
import cluster
from engine import Engine, free_ports, wait

# So that what a benchmark has started goes with it.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

ROOT = cluster.ROOT

BOOK = """\
kairos: 1
name: bench
features:
  clicks: { count: click, over: 7d }
  spent: { sum: data.amount, from: click, over: 30d, scale: 0.01 }
  largest: { max: data.amount, from: click }
moments:
  clicked: { sequence: [ { on: click, where: data.n == 0 } ] }
decisions:
  greet:
    when: { moment: clicked }
    action: { topic: actions.web, channel: web, fields: { clicks: clicks, spent: spent, largest: largest } }
    purpose: service
    expires: 24h
policy: { consent: { unknown: allow } }
"""


def binary(given):
    if given:
        return pathlib.Path(given).resolve()
    command = os.environ.get("SWIFT_BUILD", "swift build").split()
    subprocess.run(command + ["-c", "release", "--product", "kairos"], cwd=ROOT, check=True)
    return ROOT / ".build/release/kairos"


class Setup:
    """`partitions`: of the journal; None: the default. `properties`: lines for librdkafka; none: the
    defaults, as everybody has them who says nothing."""

    def __init__(self, folder, kairos, nodes=1, partitions=None, properties=()):
        self.folder, self.kairos = pathlib.Path(folder), kairos
        self.partitions = partitions or 64
        self.cluster = cluster.Cluster(self.folder / "cluster", nodes)
        try:
            self.cluster.create("events", 4)
        except RuntimeError:
            self.cluster.close()
            raise
        (self.folder / "book.yaml").write_text(BOOK)
        text = f"bootstrap_servers: {self.cluster.addresses}\nbook: {self.folder}/book.yaml\n"
        if partitions:
            text += f"journal_partitions: {partitions}\n"
        (self.folder / "kairos.yaml").write_text(text)
        self.words = ["--config", self.folder / "kairos.yaml"]
        try:
            self.cluster.apply_topics(kairos, [*self.words, "--book", self.folder / "book.yaml"])
        except RuntimeError:
            self.cluster.close()
            raise
        if properties:
            (self.folder / "client.properties").write_text("\n".join(properties) + "\n")
            self.words += ["--kafka-config", self.folder / "client.properties"]
        self.engines, self.watches = [], []

    def watch(self):
        self.watches.append(Watch(self.cluster))
        return self.watches[-1]

    def engine(self):
        port, = free_ports(1)
        engine = Engine(f"engine-{len(self.engines) + 1}", self.kairos, self.words, port, self.folder)
        self.engines.append(engine)
        return engine

    def is_read(self, but=0):
        """Whether nothing is unread of the source and the journal, or, while more comes, no more than `but`
        records. A source partition says nothing while it has been read up to its last record, and the
        brokers have not said yet that there is no more."""
        running = [e for e in self.engines if e.is_running]
        source, journal = ([value for e in running for value in e.lags([topic])]
                           for topic in ("events", "kairos.journal"))
        return (len(journal) == self.partitions and (but > 0 or len(source) == 4)
                and sum(source) + sum(journal) <= but)

    def feed(self, events, customers, seconds=600):
        """Many events at once, the same number for each customer, and waits until they are folded."""
        with Producer(self.cluster) as producer:
            for index in range(events):
                producer.send(index, index * 7919 % customers, n=1 + index % 9)
        wait("the history to be folded", seconds, self.is_read, every=0.5)

    def verify(self):
        """None: all that was decided is what the journal says; else what is not."""
        said = subprocess.run(
            [self.kairos, "verify", *self.words, "--quiet"], capture_output=True, text=True)
        return None if said.returncode == 0 else said.stdout + said.stderr

    def close(self):
        if sys.exc_info()[0] is not None:
            self.tell()
        for watch in self.watches:
            watch.close()
        for engine in self.engines:
            if engine.is_running:
                engine.end(signal.SIGKILL)
        self.cluster.close()

    def tell(self):
        """What the engines and the log say of themselves, for somebody who wonders why a benchmark failed."""
        tools = cluster.SHARED / "kafka/bin"
        for command in (["kafka-consumer-groups", "--describe", "--group", "kairos-fold"],
                        ["kafka-get-offsets", "--topic-partitions", "kairos.journal"]):
            subprocess.run([tools / command[0], "--bootstrap-server", self.cluster.addresses, *command[1:]],
                           stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=60)
        for engine in self.engines:
            print(f"--- {engine.name}: {'runs' if engine.is_running else f'ended with {engine.reap()}'}", file=sys.stderr)
            print("\n".join(engine.log.read_text(errors="replace").splitlines()[-40:]), file=sys.stderr)
            for metric in ("kairos_lag_records", "kairos_restore_left_records", "kairos_partition_stopped"):
                for labels, value in engine.samples(metric) if engine.is_running else []:
                    if value:
                        print(metric, labels, value, file=sys.stderr)


class Producer:
    def __init__(self, kafka):
        self._kcat = subprocess.Popen(
            ["kcat", "-P", "-b", kafka.addresses, "-t", "events", "-K", "\t", "-X",
             "partitioner=murmur2_random", "-X", "linger.ms=5", "-X", "queue.buffering.max.messages=2000000"],
            stdin=subprocess.PIPE)

    def send(self, number, customer, n):
        self._kcat.stdin.write(
            f'c{customer}\t{{"id":"e{number}","type":"click","time":{int(time.time() * 1000)},'
            f'"customer":"c{customer}","data":{{"n":{n},"amount":{number % 97}}}}}\n'.encode())

    def flush(self):
        self._kcat.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._kcat.stdin.close()
        self._kcat.wait(120)


class SteadyLoad:
    """Events that each lead to a decision, `rate` a second, until it is closed."""

    def __init__(self, kafka, rate, customers, first):
        self._producer, self._rate, self._customers = Producer(kafka), rate, customers
        self.sent = first
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        begin, first = time.monotonic(), self.sent
        while not self._stop.wait(0.01):
            due = first + int((time.monotonic() - begin) * self._rate)
            while self.sent < due:
                self._producer.send(self.sent, self.sent * 7919 % self._customers, n=0)
                self.sent += 1
            self._producer.flush()

    def close(self):
        self._stop.set()
        self._thread.join()
        with self._producer:
            pass


class Watch:
    """Reads `decisions` as a subscriber does, committed records only, and notes by partition when each
    became visible here and when it was written (both seconds since 1970)."""

    def __init__(self, kafka):
        self.seen = collections.defaultdict(list)
        self._kcat = subprocess.Popen(
            ["kcat", "-C", "-b", kafka.addresses, "-t", "decisions", "-o", "end", "-q", "-u",
             "-X", "isolation.level=read_committed", "-X", "fetch.wait.max.ms=10", "-f", "%p %T\n"],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        for line in self._kcat.stdout:
            partition, written = line.split()
            self.seen[int(partition)].append((time.time(), int(written) / 1000))

    def visible_since(self, moment, partitions):
        """By partition, when the first decision that was written after `moment` became visible."""
        first = {}
        for partition in partitions:
            for visible, written in reversed(self.seen[partition][-20_000:]):
                if visible < moment:
                    break
                if written >= moment:
                    first[partition] = visible
        return first

    def close(self):
        """Also a second time. A kcat that was left would keep our standard error open."""
        self._kcat.terminate()
        self._kcat.wait()
        self._thread.join()


def table(names, rows):
    lines = ["| " + " | ".join(names) + " |", "|" + "--:|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows])
