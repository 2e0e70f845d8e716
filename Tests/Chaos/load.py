"""A steady load that uses what a fold can do: counts, sequences, absences, consents that come and go,
caps, deferral by quiet hours, events out of order, events sent twice, and records that are no event."""
import json, random, subprocess, threading, time

BOOK = """\
kairos: 1
name: chaos
features:
  clicks: {{ count: click, over: 10s }}
  spent: {{ sum: data.amount, from: order, over: 1m, scale: 0.01 }}
  pages: {{ distinct: data.page, from: click, over: 30s }}
moments:
  clicked: {{ sequence: [ {{ on: click, where: data.n % 7 == 0 }} ] }}
  bought: {{ sequence: [ {{ on: click, where: data.page == "/pricing" }}, {{ on: order, within: 20s }} ] }}
  left:
    sequence:
      - {{ on: click, where: data.page == "/pricing" }}
      - {{ absent: order, for: 3s }}
  keen:
    at_least: 2
    within: 10s
    of:
      - {{ on: order }}
      - {{ becomes: clicks > 3 }}
windows:
  after_order: {{ after: {{ on: order }}, opens: 2s, closes: 30s, cancelled_by: refund }}
scores:
  interest: {{ logistic: {{ bias: -2.0, weights: {{ clicks: 0.5, pages: 0.3, spent: 0.01 }} }} }}
decisions:
  greet:
    when: {{ moment: clicked }}
    action: {{ topic: actions.web, channel: web, fields: {{ clicks: clicks, spent: spent }} }}
    purpose: service
    expires: 1h
  thank:
    when: {{ moment: bought }}
    action: {{ topic: actions.mail, channel: email, fields: {{ spent: spent }} }}
    purpose: marketing
    expires: 1h
  win_back:
    when: {{ moment: left }}
    action: {{ topic: actions.mail, channel: sms }}
    purpose: marketing
    expires: 1h
  invite:
    when: {{ moment: keen }}
    action: {{ topic: actions.web, channel: web }}
    purpose: service
    cool_down: 5s
  survey:
    when: {{ window: after_order }}
    action: {{ topic: actions.mail, channel: email }}
    purpose: service
  hot:
    when: {{ score: interest, rises_above: 0.7 }}
    action: {{ topic: actions.web, channel: web }}
    purpose: service
policy:
  consent: {{ unknown: allow }}
  caps:
    - {{ channel: email, at_most: 3, per: 20s }}
    - {{ any: true, at_most: 12, per: 1m }}
  quiet_hours: {{ channels: [sms], from: "{quiet_from}", to: "{quiet_to}" }}
  holdout: {{ share: 5%, salt: chaos }}
"""

# Topic, partitions, share of the events, out of order by so many milliseconds.
SOURCES = {
    "clicks": ("events.clicks", 6, 0.75, 0),
    "orders": ("events.orders", 4, 0.15, 1500),
    "consents": ("events.consents", 2, 0.10, 0),
}
ACTION_TOPICS = ["actions.web", "actions.mail"]


def book(minutes):
    """Quiet until about the middle of the run, in whole minutes."""
    now = time.time()
    clock = lambda at: time.strftime("%H:%M", time.gmtime(at))
    return BOOK.format(quiet_from=clock(now - 120), quiet_to=clock(now + 60 + 30 * minutes))


def config(journal_partitions):
    lines = [f"journal_partitions: {journal_partitions}", "sources:"]
    for name, (topic, _, _, out_of_order) in SOURCES.items():
        more = f", out_of_order: {out_of_order}ms" if out_of_order else ""
        lines.append(f"  {name}: {{ topic: {topic}, idle: 5s{more} }}")
    return "\n".join(lines) + "\n"


class Load:
    """One thread that writes `rate` records a second, with one kcat for each source."""

    def __init__(self, cluster, seed, rate, customers, folder):
        self._random = random.Random(f"{seed} load")
        self.rate, self.customers = rate, customers
        self.sent = 0
        self._stop = threading.Event()
        self._addresses, self._folder = cluster.addresses, folder
        # kcat gives up when it sees no broker for a moment; what it had not delivered is lost with it.
        self.lost = 0
        self._kcat = {name: self._producer(name) for name in SOURCES}
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def _producer(self, name):
        log = open(self._folder / f"kcat-{name}.log", "ab")
        return subprocess.Popen(
            ["kcat", "-P", "-b", self._addresses, "-t", SOURCES[name][0], "-K", "\t", "-X",
             "partitioner=murmur2_random", "-X", "enable.idempotence=true", "-X", "linger.ms=5"],
            stdin=subprocess.PIPE, stdout=log, stderr=log)

    def start(self):
        self._thread.start()

    def _run(self):
        begin = time.monotonic()
        while not self._stop.wait(0.05):
            due = int((time.monotonic() - begin) * self.rate)
            lines = {name: [] for name in self._kcat}
            while self.sent < due:
                self._one(lines)
            for name, some in lines.items():
                self._write(name, some)

    def _write(self, name, lines):
        try:
            self._kcat[name].stdin.write("".join(lines).encode())
            self._kcat[name].stdin.flush()
        except BrokenPipeError:
            self.lost += 1
            self._kcat[name].wait()
            self._kcat[name] = self._producer(name)

    def _one(self, lines):
        r = self._random
        number = self.sent
        self.sent += 1
        now = int(time.time() * 1000)
        customer = f"c{int(self.customers * r.random() ** 2)}"
        name = r.choices(list(SOURCES), [share for _, _, share, _ in SOURCES.values()])[0]
        if name == "clicks":
            kind, data = "click", {"n": number, "page": r.choice(["/", "/docs", "/pricing", "/blog"])}
        elif name == "orders":
            kind = "refund" if r.random() < 0.1 else "order"
            data = {"amount": r.randrange(100, 9999) / 100}
            now -= r.randrange(0, 3000 if r.random() < 0.1 else 1500)
        else:
            kind = "consent.withdrawn" if r.random() < 0.3 else "consent.granted"
            data = {"purpose": "marketing", "channel": r.choice(["email", "sms"])}
        event = {"id": f"e{number}", "type": kind, "time": now, "customer": customer, "data": data}
        line = f"{customer}\t{json.dumps(event)}\n"
        if r.random() < 0.005:
            line = f'{customer}\t{r.choice(["no event", "{}", "[1]"])}\n'
        lines[name].append(line)
        if r.random() < 0.01:
            lines[name].append(line)

    def finish(self):
        """No more; returns when all is delivered, or given up."""
        self._stop.set()
        self._thread.join()
        for name, process in self._kcat.items():
            try:
                process.stdin.close()
            except BrokenPipeError:
                pass
            if process.wait(120) != 0:
                self.lost += 1
