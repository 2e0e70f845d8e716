"""`kairos run` as a process of its own, and what it says of itself."""
import os, re, signal, socket, subprocess, time


class Engine:
    def __init__(self, name, kairos, words, port, folder, namespace=None):
        """`port`: of metrics; with the host's name it is the process's name in its groups, so it stays
        the same over restarts."""
        self.name, self.port, self.namespace = name, port, namespace
        self._command = [str(kairos), "run", "--listen", f"127.0.0.1:{port}", *map(str, words)]
        if namespace:
            self._command = ["ip", "netns", "exec", namespace.name, *self._command]
        self.log = folder / f"{name}.log"
        self.starts = 0
        self.ends = []
        self.is_stopped = False
        self._process = None

    def start(self):
        environment = dict(os.environ)
        if preload := environment.pop("KAIROS_PRELOAD", None):
            environment["LD_PRELOAD"] = preload
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.starts += 1

    @property
    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def end(self, number, seconds=90):
        """Sends a signal and waits for the end; its exit code, negative for a signal."""
        self.signal(number)
        code = self._process.wait(seconds)
        self.ends.append(code)
        self._process = None
        self.is_stopped = False
        return code

    def reap(self):
        """The exit code of one that has ended by itself; None: it runs, or somebody has ended it."""
        if self._process is None or self._process.poll() is None:
            return None
        code = self._process.returncode
        self.ends.append(code)
        self._process = None
        return code

    def crashes(self):
        """What it said where it ended by an assertion or worse."""
        lines = self.log.read_text(errors="replace").splitlines()
        words = ("Assertion", "Fatal error")
        # Its own lines begin with a time; what librdkafka calls fatal is one of them.
        return [line for line in lines
                if not line.startswith("time=") and any(word in line for word in words)]

    def signal(self, number):
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            self.is_stopped = True
        if number == signal.SIGCONT:
            self.is_stopped = False

    def get(self, path):
        """A page; None: nobody answers."""
        client = self.namespace.socket() if self.namespace else socket.socket()
        with client:
            client.settimeout(3)
            try:
                client.connect(("127.0.0.1", self.port))
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                reply = b""
                while part := client.recv(65536):
                    reply += part
            except OSError:
                return None
        return reply.decode(errors="replace")

    def samples(self, metric):
        """[(labels, value)]; empty: none, or no answer."""
        page = self.get("/metrics") or ""
        found = re.findall(rf"^{metric}(?:{{(.*?)}})? ([-+.e\dinfNa]+)$", page, re.M)
        return [(dict(re.findall(r'(\w+)="(.*?)"', labels)), float(value)) for labels, value in found]

    def lags(self, topics):
        """Of the partitions of these topics that it holds."""
        return [value for labels, value in self.samples("kairos_lag_records") if labels["topic"] in topics]

    @property
    def is_ready(self):
        page = self.get("/readyz")
        return bool(page) and page.startswith("HTTP/1.1 200")


def wait(what, seconds, is_so, every=0.1):
    """Until it is so; the seconds that it took."""
    start = time.monotonic()
    while not is_so():
        if time.monotonic() - start > seconds:
            raise TimeoutError(f"waited {seconds} s in vain for {what}")
        time.sleep(every)
    return time.monotonic() - start


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
