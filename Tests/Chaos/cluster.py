"""A real Kafka cluster in a folder of its own, and what an ordinary client reads of it."""
import os, pathlib, random, shutil, signal, socket, struct, subprocess, time

# A test's thread may have started us with signals blocked, and what we start inherits that: a kcat would not
# hear that it is to end.
signal.pthread_sigmask(signal.SIG_SETMASK, [])

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SHARED = pathlib.Path(os.environ.get("KAIROS_SHARED", ROOT.parent / "shared"))


def missing():
    """Why no cluster can be started here; None: it can."""
    if not (SHARED / "kafka" / "start").exists():
        return "no ../shared/kafka beside the project, and none in KAIROS_SHARED"
    for name in ("java", "kcat", "setsid"):
        if not shutil.which(name):
            return f"there is no {name} on PATH"
    return None


def free_span(count):
    """The first of so many ports in a row that are free. At random, so that two clusters that are started
    at the same time do not choose alike, and below those that systems hand out."""
    while True:
        first = random.randrange(12_000, 31_000)
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first
        except OSError:
            continue


def insist(command, seconds=60):
    """Until it succeeds: on a slow machine a broker may be unregistered for a moment."""
    deadline = time.monotonic() + seconds
    while True:
        said = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if said.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{' '.join(map(str, command))}: {said.stdout}{said.stderr}")
        time.sleep(2)


class Cluster:
    def __init__(self, folder, nodes):
        self.folder, self.nodes = pathlib.Path(folder), nodes
        self.addresses = self._start(["--nodes", str(nodes), "--port", str(free_span(3 * nodes))])
        self.ports = [int(address.rsplit(":", 1)[1]) for address in self.addresses.split(",")]

    def _start(self, more=()):
        said = subprocess.run(
            [SHARED / "kafka/start", self.folder, *more], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=180)
        if said.returncode != 0:
            raise RuntimeError("the cluster does not start: " + said.stderr.decode(errors="replace"))
        return said.stdout.decode().strip()

    def stop_node(self, node, kill):
        subprocess.run(
            [SHARED / "kafka/stop", self.folder, str(node), *(["--kill"] if kill else [])],
            stdin=subprocess.DEVNULL, check=True, timeout=60)

    def start_nodes(self):
        """Those that are down; returns when the cluster answers."""
        self._start()

    def close(self):
        subprocess.run(
            [SHARED / "kafka/stop", self.folder, "--kill"], stdin=subprocess.DEVNULL, timeout=60)

    def create(self, topic, partitions):
        insist([SHARED / "kafka/bin/kafka-topics", "--bootstrap-server", self.addresses, "--create",
                "--if-not-exists", "--topic", topic, "--partitions", str(partitions)])

    def apply_topics(self, kairos, words):
        insist([kairos, "topics", "apply", *words])

    def read(self, topic):
        """Yields (partition, offset, timestamp, value) of committed records; value None: a tombstone."""
        command = ["kcat", "-b", self.addresses, "-C", "-t", topic, "-o", "beginning", "-e", "-q",
                   "-X", "isolation.level=read_committed", "-f", "%p %o %T %S\n%s\n"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            out = process.stdout
            while line := out.readline():
                partition, offset, timestamp, size = map(int, line.split())
                value = None if size < 0 else out.read(size)
                out.read(1)
                yield partition, offset, timestamp, value
        if process.returncode != 0:
            raise RuntimeError(f"kcat cannot read {topic}: exit code {process.returncode}")

    def headers(self, topic):
        """Yields the headers of committed records, as a dict of texts."""
        command = ["kcat", "-b", self.addresses, "-C", "-t", topic, "-o", "beginning", "-e", "-q",
                   "-X", "isolation.level=read_committed", "-f", "%h\n"]
        said = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
        for line in said.stdout.decode(errors="replace").splitlines():
            yield dict(part.partition("=")[::2] for part in line.split(","))


class JournalRecord:
    """The envelope of Sources/Events/JournalRecord.swift, as far as accounts need it."""

    KINDS = {1: "event", 2: "tick", 3: "control", 4: "relay", 5: "erase"}

    def __init__(self, value):
        self.kind = self.KINDS.get(value[1], str(value[1]))
        _, self.origin_offset, self.origin_partition, self.incarnation = struct.unpack_from(
            "<qqiI", value, 8)
        length, = struct.unpack_from("<H", value, 32)
        self.origin = value[60:60 + length].decode()
