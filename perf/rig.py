"""What perf/sweep and perf/matrix share: a server started as a setting says, a load on it, and what is looked at before and after."""
import contextlib
import dataclasses
import os
import shutil
import tempfile
import time
import urllib.request

import cli
import machine
import metrics
from clients import CLIENTS, Load
from scraper import Scraper
from servers import Gyre, Limit, Postgres, Trouble, built, call

# Tables advance by a tick a second at most; more of them would be commits that nobody measures.
APPENDS_PER_SECOND = 1.0
READ_MODES = ("published", "batched", "direct")


@dataclasses.dataclass
class Setting:
    """How the server is started and how it is asked. The default is what `perf/run` measures first."""

    query: str = "select * from t"
    arguments: str = None         # of $1, "low:high"
    protocol: str = "simple"      # simple, extended, prepared
    pipeline: int = 1
    transport: str = "tcp"        # tcp, unix
    client: str = "gyre-bench"    # of clients.CLIENTS
    client_spin_us: int = 0
    server: str = "gyre"          # gyre, limit
    oracle: str = "local"         # local, postgres
    read_mode: str = None         # of READ_MODES; None: the server's default
    peek: str = "fast"            # fast, coordinator
    isolation: str = None         # None: the server's default
    rows: int = 0                 # of the table k, which is there when not 0
    flags: tuple = ()             # more flags of the server
    environment: tuple = ()       # more variables of the server's, "NAME=value"
    parameters: tuple = ()        # of ALTER SYSTEM SET, "name=value"
    scraped: bool = False         # someone reads /metrics and / once a second

    def described(self):
        return dataclasses.asdict(self)


class MeasuredGyre(Gyre):
    """Gyre as a setting wants it: in memory, no passwords, one shard."""

    def __init__(self, options, setting):
        super().__init__(options)
        self.setting, self.oracle_server = setting, None
        self.unix_directory = tempfile.mkdtemp(dir=options.scratch)

    def start(self, *more):
        setting = self.setting
        flags = ["--unix-socket-dir", self.unix_directory, *setting.flags, *more]
        if setting.oracle == "postgres":
            flags += ["--timestamp-oracle-url", self.start_oracle()]
        saved = dict(os.environ)
        os.environ.update(one.split("=", 1) for one in setting.environment)
        try:
            super().start(*flags)
        finally:
            os.environ.clear()
            os.environ.update(saved)
        if setting.rows:
            call([os.path.join(machine.ROOT, "perf", "load_k"), "--port", str(self.internal_port), "--user", "mz_system",
                  "--rows", str(setting.rows), "--grant", "materialize"], timeout=120)
        for parameter in self.wanted_parameters():
            name, value = parameter.split("=", 1)
            self.system(f"ALTER SYSTEM SET {name} = '{value}'")
        return self

    def wanted_parameters(self):
        setting = self.setting
        wanted = list(setting.parameters)
        if setting.peek == "coordinator":
            wanted.append("enable_frontend_peek_sequencing=false")
        if setting.isolation:
            wanted.append(f"default_transaction_isolation={setting.isolation}")
        if setting.read_mode:
            wanted.append(f"ts_oracle_read_mode={setting.read_mode}")
        return wanted

    def start_oracle(self):
        if "--timestamp-oracle-url" not in (machine.output_of(built(self.options.build, "gyre"), "--help") or ""):
            raise Trouble("this server has no --timestamp-oracle-url")
        # On the client's core, like a server elsewhere: it costs the shard nothing.
        options = type(self.options)(**dict(vars(self.options), server_core=self.options.client_core))
        self.oracle_server = Postgres(options)   # known before it starts: it may not get further
        return self.oracle_server.start().url()

    def stop(self):
        try:
            super().stop()
        finally:
            if self.oracle_server is not None:
                self.oracle_server.stop()

    def page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=10) as page:
            return metrics.Page(page.read().decode())

    def when_settled(self, connections):
        """The page once so many connections are open; a client's farewell may take a moment."""
        for _ in range(400):
            page = self.page()
            if page.value("gyre_connections") <= connections:
                return page
            time.sleep(0.05)
        return page

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class MeasuredLimit(Limit):
    """gyre-limit has no metrics; it is there to be compared with."""

    unix_directory = None

    def __init__(self, options, setting):
        super().__init__(options)
        self.setting = setting

    def start(self):
        return super().start("prepared-lookup" if self.setting.protocol == "prepared" else "simple")


class Rig:
    """Servers that run at the same time, and a scratch directory that goes with them."""

    def __init__(self, options):
        self.options, self.servers = options, []
        self.hardware = machine.hardware_counters()

    def __enter__(self):
        self.options.scratch = tempfile.mkdtemp(prefix="gyre-perf-")
        os.chmod(self.options.scratch, 0o755)
        return self

    def __exit__(self, *_):
        with contextlib.ExitStack() as stack:   # whatever one of them does, the others are stopped
            stack.callback(shutil.rmtree, self.options.scratch, ignore_errors=True)
            for server in self.servers:
                stack.callback(server.stop)

    def start(self, setting, build=None):
        options = self.options if build is None else type(self.options)(**dict(vars(self.options), build=build))
        server = {"gyre": MeasuredGyre, "limit": MeasuredLimit}[setting.server](options, setting)
        self.servers.append(server)
        try:
            return server.start()
        except Trouble:
            self.stop(server)
            raise

    def stop(self, server):
        server.stop()
        self.servers.remove(server)

    def point(self, server, connections, seconds, warmup):
        """One run of the client: its figures, what it cost the server, and whether sessions came and went as they should."""
        setting = server.setting
        load = Load(setting.query, setting.protocol, setting.pipeline, connections, seconds, warmup, setting.client_spin_us,
                    setting.arguments)
        run = CLIENTS[setting.client]
        self.options.transport = setting.transport
        if setting.server == "limit":
            return {"connections": connections, **run(self.options, server, load)}
        if setting.client == "pgbench" and warmup:
            run(self.options, server, load.of_a_second())
        open_before = server.page().value("gyre_connections")
        before, cpu_before, began = server.page(), server.cpu_seconds(), time.monotonic()
        with machine.Counting(server.process.pid, self.hardware) as counting:
            with Scraper(server.http_port) if setting.scraped else contextlib.nullcontext():
                figures = run(self.options, server, load)
        cpu, lasted = server.cpu_seconds() - cpu_before, time.monotonic() - began
        after = server.when_settled(open_before)
        queries = after.value("mz_query_total") - before.value("mz_query_total")
        if queries:
            figures["server_cpu_us_per_query"] = cpu * 1e6 / queries
        if (calls := after.value("mz_ts_oracle_batches_count") - before.value("mz_ts_oracle_batches_count")) > 0:
            figures["queries_per_oracle_call"] = (
                after.value("mz_ts_oracle_batched_op_count") - before.value("mz_ts_oracle_batched_op_count")) / calls
        return {"connections": connections, **figures, "churn": churn(before, after, connections, lasted),
                "counted": counting.counts, "metrics": metrics.difference(before, after)}


def churn(before, after, connections, seconds):
    """The log's checks: as many sessions begin and end as there are connections, and tables are written at the tick's rate at most.

    Each check: {"what", "measured", "expected", "ok"}; a client may open a few connections beside its pool to look around.
    """
    def change(name, **labels):
        return after.value(name, **labels) - before.value(name, **labels)

    few = max(2, connections // 20)
    checks = []
    for kind, other in (("command-startup", ("mz_connection_status", {"status": "success"})), ("command-terminate", None)):
        source, labels = "mz_slow_message_handling_count", {"message_kind": kind}
        if not after.has(source, **labels):
            if other is None:
                continue
            source, labels = other
        measured = change(source, **labels)
        checks.append({"what": metrics.shown(source, labels.items()), "measured": measured,
                       "expected": f"{connections} to {connections + few}",
                       "ok": connections <= measured <= connections + few})
    most = APPENDS_PER_SECOND * seconds + 2
    measured = change("mz_append_table_duration_seconds_count")
    checks.append({"what": "mz_append_table_duration_seconds_count", "measured": measured,
                   "expected": f"at most {most:.0f}", "ok": measured <= most})
    failed = change("mz_connection_status", status="error")
    checks.append({"what": 'mz_connection_status{status="error"}', "measured": failed, "expected": "0", "ok": failed == 0})
    return checks


def troubled(point):
    return [check for check in point.get("churn", ()) if not check["ok"]]


def add_machine_options(parser, root):
    parser.add_argument("--build", default=os.path.join(root, "build"), help="where gyre, gyre-bench, gyre-limit are")
    first, second, *_ = sorted(os.sched_getaffinity(0)) * 2
    parser.add_argument("--server-core", type=cli.core, default=first)
    parser.add_argument("--client-core", type=cli.core, default=second)
    parser.add_argument("--oracle-core", type=cli.core, default=second, help="Gyre's oracle core; it sleeps unless one writes")
    parser.set_defaults(trust=True, ephemeral=True, scratch=None, transport="tcp")
