"""The programs that put a load on a server: gyre-bench, pgbench, dbbench. Each gives back the same figures of one run:

    queries_per_second, mean_us, p50_us, p99_us, max_us, errors, client_cpu_us_per_query (None where it is not known)
"""
import csv
import glob
import json
import os
import resource
import shutil
import tempfile

from servers import Trouble, built, call


class Load:
    """What is asked, and how often."""

    def __init__(self, query="select * from t", protocol="simple", pipeline=1, connections=64, seconds=2.0, warmup=0.3,
                 spin_us=0, arguments=None):
        self.query, self.protocol, self.pipeline, self.connections = query, protocol, pipeline, connections
        self.seconds, self.warmup, self.spin_us = seconds, warmup, spin_us
        self.arguments = arguments  # of $1: "low:high", uniform

    def of_a_second(self):
        return Load(**dict(vars(self), seconds=1.0))

    def workload(self):
        lines = [f"duration={max(self.seconds, 0.001):g}s", "[load]", f"query={self.query}",
                 f"concurrency={self.connections}"]
        return "\n".join(lines + ([f"query-args-random={self.arguments}"] if self.arguments else [])) + "\n"


def gyre_bench(options, server, load):
    """Pools are fixed: all connections are made and logged in before the clock starts, and stay."""
    with tempfile.TemporaryDirectory(dir=options.scratch) as directory:
        workload, out = os.path.join(directory, "load.ini"), os.path.join(directory, "result.json")
        with open(workload, "w") as file:
            file.write(load.workload())
        call([built(options.build, "gyre-bench"), "--url", server.url(), "--cores", str(options.client_core),
              "--protocol", load.protocol, "--pipeline", str(load.pipeline), "--duration", f"{load.seconds:g}s",
              "--warmup", f"{int(load.warmup * 1000)}ms", "--spin-us", str(load.spin_us), "--json", out,
              *(("--unix", server.unix_directory) if load_by_unix(options, server) else ()), workload],
             timeout=load.seconds + load.warmup + 60)
        with open(out) as file:
            result = json.load(file)
    job = result["jobs"][0]
    if job["errors"]:
        raise Trouble(f"gyre-bench: {job['errors']:.0f} errors, the first: {job['first_error']}")
    return {"queries_per_second": job["queries_per_second"], "mean_us": job["mean_us"], "p50_us": job["p50_us"],
            "p99_us": job["p99_us"], "max_us": job["max_us"], "errors": 0,
            "client_cpu_us_per_query": result["client_cpu_us_per_query"]}


def load_by_unix(options, server):
    return getattr(options, "transport", "tcp") == "unix"


def pgbench_script(load):
    if load.arguments:
        low, high = load.arguments.split(":")
        text = f"\\set one random({low}, {high})\n" + load.query.replace("$1", ":one") + ";\n"
    else:
        text = load.query + ";\n"
    return text if load.pipeline == 1 else "\\startpipeline\n" + text * load.pipeline + "\\endpipeline\n"


def pgbench(options, server, load):
    """Its warm-up is a run of its own, before; and it logs one transaction in ten for the quantiles."""
    if load.pipeline > 1 and load.protocol == "simple":
        raise Trouble("pgbench: pipelines need the extended or the prepared protocol")
    with tempfile.TemporaryDirectory(dir=options.scratch) as directory:
        script = os.path.join(directory, "script.sql")
        with open(script, "w") as file:
            file.write(pgbench_script(load))
        host = server.unix_directory if load_by_unix(options, server) else "127.0.0.1"
        command = ["taskset", "-c", str(options.client_core), "pgbench", "-n", "-c", str(load.connections), "-M",
                   load.protocol, "-f", script, "-h", host, "-p", str(server.port), "-U", "materialize",
                   "-T", str(max(1, round(load.seconds))), "-l", "--log-prefix", os.path.join(directory, "log"),
                   "--sampling-rate", "0.1", "materialize"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = call(command, timeout=load.seconds + 60)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times = []
        for path in glob.glob(os.path.join(directory, "log.*")):
            with open(path) as file:
                times += [float(line.split()[2]) for line in file]
    result = read_pgbench(out, times, load.pipeline)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    result["client_cpu_us_per_query"] = cpu * 1e6 / max(result.pop("transactions") * load.pipeline, 1)
    return result


def read_pgbench(out, times, pipeline):
    """The summary, and microseconds of single transactions."""
    fields = {}
    for line in out.splitlines():
        for name, sign in (("tps", "tps = "), ("latency", "latency average = "),
                           ("transactions", "number of transactions actually processed: ")):
            if line.startswith(sign):
                fields[name] = float(line[len(sign):].split()[0].split("/")[0])
    if "tps" not in fields:
        raise Trouble(f"pgbench said nothing of tps: {out[-300:]!r}")
    return {"queries_per_second": fields["tps"] * pipeline, "mean_us": fields["latency"] * 1000, **quantiles(times),
            "errors": 0, "transactions": fields["transactions"]}


def quantiles(times):
    times = sorted(times)

    def at(fraction):
        return times[min(int(fraction * len(times)), len(times) - 1)] if times else None
    return {"p50_us": at(0.5), "p99_us": at(0.99), "max_us": times[-1] if times else None}


def dbbench(options, server, load):
    """Not in Debian; taken from the path where there is one. Its pool is pinned to what the load wants."""
    if shutil.which("dbbench") is None:
        raise Trouble("dbbench is not installed (it is not in Debian; https://github.com/memsql/dbbench)")
    if load.pipeline > 1 or load.protocol != "simple" or load_by_unix(options, server):
        raise Trouble("dbbench: one query at a time, simple protocol, TCP; nothing else")
    with tempfile.TemporaryDirectory(dir=options.scratch) as directory:
        workload, stats = os.path.join(directory, "load.ini"), os.path.join(directory, "stats.csv")
        with open(workload, "w") as file:
            file.write(load.workload())
        count = str(load.connections)
        call(["taskset", "-c", str(options.client_core), "dbbench", "-driver", "postgres", "-url", server.url(),
              "-max-active-conns", count, "-max-idle-conns", count, "-query-stats-file", stats, workload],
             timeout=load.seconds + 60)
        with open(stats) as file:
            figures = read_dbbench(file)
    if figures["errors"]:
        raise Trouble(f"dbbench: {figures['errors']} errors")
    return figures


def read_dbbench(file):
    """-query-stats-file: job, start (us), elapsed (us), rows, errors."""
    rows = [row for row in csv.reader(file) if len(row) >= 4 and row[1].strip().isdigit()]
    if not rows:
        raise Trouble("dbbench's query-stats-file has no queries")
    starts = [float(row[1]) for row in rows]
    times = [float(row[2]) for row in rows]
    seconds = (max(start + time for start, time in zip(starts, times)) - min(starts)) / 1e6
    errors = sum(int(row[4]) for row in rows if len(row) > 4 and row[4].strip().isdigit())
    return {"queries_per_second": len(rows) / max(seconds, 1e-6), "mean_us": sum(times) / len(times),
            **quantiles(times), "errors": errors, "client_cpu_us_per_query": None}


CLIENTS = {"gyre-bench": gyre_bench, "pgbench": pgbench, "dbbench": dbbench}
