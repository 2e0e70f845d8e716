"""What is done to engines, brokers and the network between them, drawn from one seed."""
import random, signal, threading, time

# Past the session time-out that the engines are given, so that their partitions move.
SESSION_SECONDS = 6
BEYOND = (SESSION_SECONDS + 1, SESSION_SECONDS + 5)


class Faults:
    """One thread draws faults; each engine and the brokers suffer one at a time, different ones at once."""

    def __init__(self, seed, cluster, engines, relays, say, hurry):
        self._random = random.Random(f"{seed} faults")
        self._cluster, self._engines, self._relays = cluster, engines, relays
        self._say, self._hurry = say, hurry
        self._stop = threading.Event()
        self._busy = {name: threading.Lock() for name in [*(e.name for e in engines), "broker"]}
        self._running = []
        self.counts = {}
        self.troubles = []
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)

    KINDS = {
        "kill": 5, "long kill": 2, "stop": 2, "long stop": 3, "restart": 3, "cut hold": 2,
        "long cut hold": 2, "cut replies": 3, "cut reset": 2, "broker restart": 2, "broker kill": 2,
    }

    def start(self):
        self._thread.start()

    def _run(self):
        while not self._stop.wait(self._random.uniform(0.5, 2) if self._hurry
                                  else self._random.uniform(1, 6)):
            kinds = [k for k in self.KINDS if self._relays or "cut" not in k]
            kind = self._random.choices(kinds, [self.KINDS[k] for k in kinds])[0]
            engine = self._random.choice(self._engines)
            node = self._random.randrange(1, self._cluster.nodes + 1)
            seconds = self._random.uniform(*(BEYOND if "long" in kind else (0, 3)))
            whom = "broker" if "broker" in kind else engine.name
            if not self._busy[whom].acquire(blocking=False):
                continue
            fault = threading.Thread(
                target=self._guard, args=(kind, whom, engine, node, seconds), daemon=True)
            self._running.append(fault)
            fault.start()

    def _guard(self, kind, whom, engine, node, seconds):
        try:
            self.counts[kind] = self.counts.get(kind, 0) + 1
            self._do(kind, engine, node, seconds)
        except Exception as error:  # a fault that cannot be done is told at the end, and the run goes on
            self.troubles.append(f"{kind} of {whom}: {error!r}")
        finally:
            self._busy[whom].release()

    def _do(self, kind, engine, node, seconds):
        word = kind.removeprefix("long ")
        if "broker" in word:
            self._say(f"broker {node}: {word.removeprefix('broker ')}, back after {seconds:.1f} s")
            self._cluster.stop_node(node, kill=word == "broker kill")
            time.sleep(seconds)
            self._cluster.start_nodes()
            self._say(f"broker {node}: is back")
        elif not engine.is_running:
            return
        elif word == "kill":
            self._say(f"{engine.name}: kill -9, back after {seconds:.1f} s")
            engine.end(signal.SIGKILL)
            time.sleep(seconds)
            engine.start()
        elif word == "restart":
            self._say(f"{engine.name}: SIGTERM")
            code = engine.end(signal.SIGTERM)
            self._say(f"{engine.name}: drained with {code}, back after {seconds:.1f} s")
            time.sleep(seconds)
            engine.start()
        elif word == "stop":
            self._say(f"{engine.name}: SIGSTOP for {seconds:.1f} s")
            engine.signal(signal.SIGSTOP)
            time.sleep(seconds)
            engine.signal(signal.SIGCONT)
        else:
            mode = word.removeprefix("cut ")
            seconds += 1
            self._say(f"{engine.name}: cut off from the brokers ({mode}) for {seconds:.1f} s")
            self._relays[engine.name].cut(mode)
            time.sleep(seconds)
            self._relays[engine.name].heal()

    def revive(self):
        """Starts what has ended by itself, as a supervisor would. Called every now and then."""
        for engine in self._engines:
            if not self._busy[engine.name].acquire(blocking=False):
                continue
            try:
                if (code := engine.reap()) is not None:
                    self._say(f"{engine.name}: has ended by itself with {code}; started again")
                    engine.start()
            finally:
                self._busy[engine.name].release()

    def finish(self):
        """No more; returns when every fault under way has been healed."""
        self._stop.set()
        self._thread.join()
        for fault in self._running:
            fault.join(120)
