"""The servers that perf/run compares: each a process of its own, on one core, stopped by its id."""
import contextlib
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from cli import INTERRUPTS

HERE = os.path.dirname(os.path.abspath(__file__))
POSTGRES = "/usr/lib/postgresql/15/bin"
ROWS = 1_000_000
# Whoever measures logs in to Gyre by SCRAM; who prepares, on the internal port, does not.
PASSWORD = "a password for measurements"
RULES = "host all mz_system 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
os.environ["PGPASSWORD"] = PASSWORD  # libpq's, for psql, pgbench and gyre-bench


class Trouble(Exception):
    """Something could not be run; the text says what."""


def free_port():
    """A port that nobody uses now, below those that the kernel gives to clients: one of these could be taken by the time it is wanted."""
    while True:
        port = random.randrange(15000, 32000)
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", port))
            return port


def call(arguments, timeout=120, **more):
    done = subprocess.run(arguments, text=True, capture_output=True, timeout=timeout, **more)
    if done.returncode != 0:
        raise Trouble(f"{os.path.basename(arguments[0])}: exit {done.returncode}: "
                      f"{(done.stderr or done.stdout).strip()[:400]}")
    return done.stdout


def built(directory, name):
    """The program's path in a build directory."""
    path = os.path.join(directory, name)
    if not os.access(path, os.X_OK):
        raise Trouble(f"there is no {path}; ninja -C {directory} {name} makes it")
    return path


def psql(port, user, database, *statements):
    arguments = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1",
                 "-p", str(port), "-U", user, "-d", database]
    for statement in statements:
        arguments += ["-c", statement]
    return call(arguments)


class Server:
    """A process that listens on `port`; stopped by its id."""

    name = ""

    def __init__(self, options):
        self.options = options
        self.port = free_port()
        self.process = None

    def directory(self):
        """A new directory for the server's data, on the disk where scratch files are."""
        return tempfile.mkdtemp(prefix=f"{self.name}-{self.port}-", dir=self.options.scratch)

    def spawn(self, arguments, **more):
        self.log = os.path.join(self.options.scratch, f"{self.name}-{self.port}.log")
        with open(self.log, "w") as log, INTERRUPTS.held():
            self.process = subprocess.Popen(arguments, stdout=log, stderr=log, **more)
        self.wait_for(self.port)

    def wait_for(self, port):
        for _ in range(300):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.05)
        with open(self.log) as log:
            raise Trouble(f"{self.name} did not start: {log.read().strip()[-400:]}")

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal())
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop_signal(self):
        return signal.SIGTERM

    def url(self):
        return f"postgres://materialize@127.0.0.1:{self.port}/materialize"

    def memory_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024


class Gyre(Server):
    """With its data on disk, and passwords, unless perf/run was told otherwise."""

    name = "gyre"
    data = None

    def launch(self, oracle_core, *more, before=()):
        self.internal_port = free_port()
        self.http_port = free_port()
        self.data = self.data or self.directory()
        rules = os.path.join(self.options.scratch, "rules")
        with open(rules, "w") as file:
            file.write(RULES)
        self.spawn([*before, built(self.options.build, "gyre"),
                    *(("--ephemeral",) if self.options.ephemeral else ("--data-dir", self.data)),
                    *(() if self.options.trust else ("--hba-file", rules)),
                    "--cores", str(self.options.server_core), "--oracle-core", str(oracle_core),
                    "--sql-addr", f"127.0.0.1:{self.port}", "--internal-sql-addr", f"127.0.0.1:{self.internal_port}",
                    "--internal-http-addr", f"127.0.0.1:{self.http_port}", *more])
        self.wait_for(self.internal_port)
        self.system(f"ALTER ROLE materialize PASSWORD '{PASSWORD}'")

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=10) as page:
            return float(re.search(rf"^{name} (\S+)$", page.read().decode(), re.M).group(1))

    def start(self, *more):
        self.launch(self.options.oracle_core, "--max-connections", "10000", *more)
        self.system("CREATE TABLE t (id text, value int4)", "CREATE DEFAULT INDEX IN CLUSTER quickstart ON t",
                    "INSERT INTO t VALUES ('hello', 42)", "GRANT SELECT ON TABLE t TO materialize",
                    "ALTER SYSTEM SET enable_frontend_peek_sequencing=true",
                    "ALTER SYSTEM SET statement_logging_max_sample_rate=0")
        return self

    def system(self, *statements):
        return psql(self.internal_port, "mz_system", "materialize", *statements)

    def load_k(self):
        call([os.path.join(HERE, "load_k"), "--port", str(self.internal_port), "--user", "mz_system",
              "--rows", str(ROWS), "--grant", "materialize"], timeout=600)


class Limit(Server):
    name = "gyre-limit"

    def start(self, answer="simple"):
        self.spawn([built(self.options.build, "gyre-limit"), "--port", str(self.port),
                    "--core", str(self.options.server_core), "--answer", answer])
        return self


class Postgres(Server):
    """A cluster of its own; every one of its processes inherits the core."""

    name = "postgres"
    SETTINGS = ("shared_buffers=256MB", "fsync=off")  # for reads

    def start(self, *settings):
        if not os.path.exists(f"{POSTGRES}/initdb"):
            raise Trouble("PostgreSQL 15 is not installed (apt-get install postgresql-15)")
        account = {}
        directory = self.directory()
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
            os.chown(directory, entry.pw_uid, entry.pw_gid)
        data = os.path.join(directory, "data")
        call([f"{POSTGRES}/initdb", "-D", data, "-A", "trust", "-U", "materialize", "-E", "UTF8", "--locale=C"],
             cwd=directory, **account)
        self.spawn(["taskset", "-c", str(self.options.server_core), f"{POSTGRES}/postgres", "-D", data,
                    "-p", str(self.port), "-k", directory, "-c", "listen_addresses=127.0.0.1",
                    "-c", "max_connections=200",
                    *(part for setting in settings or self.SETTINGS for part in ("-c", setting))],
                   cwd=directory, **account)
        for _ in range(100):
            with contextlib.suppress(Trouble):
                psql(self.port, "materialize", "postgres", "SELECT 1")
                break
            time.sleep(0.1)
        psql(self.port, "materialize", "postgres", "CREATE DATABASE materialize")
        psql(self.port, "materialize", "materialize", "CREATE TABLE t (id text, value int4)",
             "INSERT INTO t VALUES ('hello', 42)", "ANALYZE t")
        return self

    def system(self, *statements):
        return psql(self.port, "materialize", "materialize", *statements)

    def load_k(self):
        call([os.path.join(HERE, "load_k"), "--port", str(self.port), "--user", "materialize", "--rows", str(ROWS)],
             timeout=600)
        psql(self.port, "materialize", "materialize", "VACUUM ANALYZE k")

    def stop_signal(self):
        return signal.SIGINT  # fast shutdown


class Redis(Server):
    name = "redis"

    def start(self):
        if shutil.which("redis-server") is None or shutil.which("redis-benchmark") is None:
            raise Trouble("redis is not installed (apt-get install redis-server redis-tools)")
        self.spawn(["taskset", "-c", str(self.options.server_core), "redis-server", "--port", str(self.port),
                    "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", self.options.scratch])
        call(["redis-cli", "-p", str(self.port), "set", "key:__rand_int__", "hello42"])
        return self

    def get_rate(self, depth, seconds):
        def rate(requests):
            out = call(["taskset", "-c", str(self.options.client_core), "redis-benchmark", "-p", str(self.port),
                        "-c", "64", "-P", str(depth), "-n", str(requests), "-t", "get", "--csv"])
            return float(out.strip().splitlines()[-1].split(",")[1].strip('"'))
        if depth not in self.guess:
            self.guess[depth] = rate(20000 * depth)
        self.guess[depth] = rate(int(self.guess[depth] * seconds))
        return self.guess[depth]

    def __init__(self, options):
        super().__init__(options)
        self.guess = {}


class DurableGyre(Gyre):
    """Everything of it on the server's core, its data on disk."""

    name = "gyre-durable"

    def start(self, *more):
        core = self.options.server_core
        self.launch(core, *more, before=("taskset", "-c", str(core)))
        return self

    def wait_for_commit(self, wanted):
        self.system(f"ALTER SYSTEM SET synchronous_commit = {wanted}")


class DurablePostgres(Postgres):
    """PostgreSQL with its defaults where durability is concerned, and room enough not to write checkpoints all the time."""

    name = "postgres-durable"
    SETTINGS = ("shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=30min")

    def wait_for_commit(self, wanted):
        self.system(f"ALTER SYSTEM SET synchronous_commit = {wanted}")
        self.system("SELECT pg_reload_conf()")
