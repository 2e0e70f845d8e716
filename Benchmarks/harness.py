"""What the benchmarks share: processes measured from outside, the program to measure against, rows of goals.

A *row* is one line of issue 7's table: what was measured, the goal, whether it is met. Every benchmark puts
its rows into its JSON; `scripts/bench` puts them all into one table."""
import argparse, collections, hashlib, json, os, pathlib, re, shutil, statistics, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
W = HERE / "w"
REFERENCE = pathlib.Path(os.environ.get("KAIROS_SHARED", ROOT.parent / "shared")) / "reference"
# What is compiled here stays, under the hash of its source.
BUILT = ROOT / ".build/bench"


def missing_reference():
    """Why there is nothing to measure against; None: there is."""
    if not (REFERENCE / "w.cpp").exists():
        return "no ../shared/reference beside the project, and none in KAIROS_SHARED"
    if not (shutil.which("g++") or shutil.which("clang++")):
        return "no g++ or clang++ to build the reference with"
    return None


def compiled(source, *flags, libraries=()):
    """The program of one file of C or C++, compiled if need be."""
    source = pathlib.Path(source)
    names = ("gcc", "clang") if source.suffix == ".c" else ("g++", "clang++")
    compiler = next(filter(None, map(shutil.which, names)), None)
    if not compiler:
        sys.exit(f"bench: no {names[0]} or {names[1]} to compile {source.name} with")
    words = [compiler, *flags, source, *(f"-l{name}" for name in libraries)]
    key = hashlib.sha256(source.read_bytes() + " ".join(map(str, words)).encode()).hexdigest()[:12]
    program = BUILT / f"{source.stem}-{key}"
    if not program.exists():
        BUILT.mkdir(parents=True, exist_ok=True)
        # Two benchmarks may do this at the same time.
        with tempfile.TemporaryDirectory(dir=BUILT) as folder:
            made = pathlib.Path(folder) / "program"
            subprocess.run([*words[:1], "-o", made, *words[1:]], check=True)
            made.rename(program)
    return program


def generator():
    return compiled(REFERENCE / "gen.cpp", "-O2")


def reference():
    """By the flags of its README."""
    return compiled(REFERENCE / "w.cpp", "-O3", "-march=native", "-ffp-contract=off", "-DNDEBUG",
                    "-std=c++17", libraries=["simdjson"])


def binary(given, product="kairos"):
    if given:
        return pathlib.Path(given).resolve()
    command = os.environ.get("SWIFT_BUILD", "swift build").split()
    subprocess.run(command + ["-c", "release", "--product", product], cwd=ROOT, check=True)
    return ROOT / ".build/release" / product


def generate(path, events, customers):
    with open(path, "wb") as out:
        subprocess.run([generator(), str(events), str(customers)], stdout=out, check=True)
    return path


class Run:
    """One process to its end, with what it took. `cores`: those it may use, as for taskset."""

    def __init__(self, command, cores=None):
        if cores is not None and shutil.which("taskset"):
            command = ["taskset", "-c", cores, *command]
        with tempfile.NamedTemporaryFile() as taken:
            process = subprocess.run(
                [compiled(HERE / "measure.c", "-O2"), taken.name, *command], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
            self.said = process.stdout.decode(errors="replace")
            if process.returncode != 0:
                sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{self.said}")
            self.wall, self.cpu, self.peak = map(float, taken.read().split())


def in_turn(rounds, **measures):
    """Each of them once in every round, so that a machine's drift meets all alike: {name: [Run]}."""
    runs = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            runs[name].append(measure())
    return runs


def medians(runs, events):
    wall = statistics.median(run.wall for run in runs)
    cpu = statistics.median(run.cpu for run in runs)
    return {"events_per_second": events / wall, "events_per_cpu_second": events / cpu, "wall_seconds": wall,
            "cpu_seconds": cpu, "wall_min": min(run.wall for run in runs), "wall_max": max(run.wall for run in runs),
            "peak_bytes": max(run.peak for run in runs)}


def ratio(theirs, ours, of="wall_seconds"):
    """How many times as fast as the first the second is."""
    return theirs[of] / ours[of]


def replay(kairos, book, archive, out, *more):
    return [kairos, "replay", book, archive, "-o", out, *more]


def replay_w(kairos, archive, out, book=W / "playbook.yaml"):
    return replay(kairos, book, archive, out, "-c", W / "sources.yaml")


# MARK: Decisions


def instant(text):
    """One spelling of a time: with milliseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(3, '0')}Z"


def reference_decisions(path):
    with open(path) as lines:
        return collections.Counter(
            (d["customer"], instant(d["time"]), d["kind"]) for d in map(json.loads, lines))


def released(lines):
    """Of decisions as lines of JSON."""
    return collections.Counter(
        (d["customer"], instant(d["time"]), d["decision"])
        for d in map(json.loads, lines) if d["outcome"] == "released")


def kairos_decisions(path):
    with open(path) as lines:
        return released(lines)


def comparison(a, b):
    """Of the reference's decisions with ours."""
    return {"decisions": sum(b.values()), "only_reference": sum((a - b).values()),
            "only_kairos": sum((b - a).values()), "equal": a == b}


def state(said):
    """What the summary of `kairos replay` says of memory: customers and bytes."""
    found = re.search(r"customers\s+(\d+), ([\d.]+)([kMG]?) bytes of state", said)
    if not found:
        sys.exit(f"bench: the summary of kairos replay has no line of customers:\n{said}")
    return int(found[1]), amount(found[2], found[3])


def amount(number, unit):
    return float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]


# MARK: Results


def row(what, goal, value, bound, unit="×", at_least=False, note=""):
    """One line of the table. `bound`: what `value` is to reach, or with `at_least` False not to
    exceed; None: there is no goal, only a figure."""
    met = None if bound is None else value >= bound if at_least else value <= bound
    return {"what": what, "goal": goal, "value": value, "unit": unit, "bound": bound,
            "at_least": at_least, "met": met, "note": note}


def shown(value, unit):
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def rows_table(rows):
    lines = ["| what | goal | measured | measured ÷ goal | | |", "|---|---|--:|--:|---|---|"]
    for r in rows:
        met = {None: "", True: "met", False: "**missed**"}[r["met"]]
        share = "" if r["bound"] is None else f"{r['value'] / r['bound']:.2f}"
        lines.append(f"| {r['what']} | {r['goal']} | {shown(r['value'], r['unit'])} | {share} | {met} | {r['note']} |")
    return "\n".join(lines)


def table(names, rows):
    lines = ["| " + " | ".join(names) + " |", "|" + "--:|" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(map(str, r)) + " |" for r in rows])


def options(description):
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kairos", help="a binary that is there already; else one is built, optimised")
    parser.add_argument("--json", help="where the numbers go as JSON; else to standard output, last")
    return parser


def finish(name, given, report, rows, ok=True):
    """Prints the rows and the JSON; the exit code."""
    print(rows_table(rows))
    text = json.dumps({"benchmark": name, **report, "rows": rows}, indent=2)
    if given.json:
        pathlib.Path(given.json).write_text(text + "\n")
    else:
        print(text)
    return 0 if ok else 1
