"""What perf/run measures of writing: durable commits, pgbench, bulk loads, readers beside writers."""
import os
import re
import tempfile
import time

from servers import DurableGyre, DurablePostgres, Gyre, Trouble, call

ROWS = 1_000_000


def pair(run):
    return run.start(DurableGyre(run.options)), run.start(DurablePostgres(run.options))


def stop(run, *servers):
    for server in servers:
        run.stop(server)


def durable_inserts(run):
    """Single rows, each a commit, by 64 connections; every one waits for the disk, or none."""
    gyre, postgres = pair(run)
    for wanted, bound in (("on", 3), ("off", 5)):
        gyre.wait_for_commit(wanted)
        postgres.wait_for_commit(wanted)
        name = f"single-row INSERTs, 64 connections, synchronous_commit={wanted}"
        values = run.alternate(name, {"gyre": run.rate(gyre, "insert_64.ini"),
                                      "postgres": run.rate(postgres, "insert_64.ini")})
        run.bar(f"{name}: against postgres", run.ratios(values, "gyre", "postgres"), bound)
    stop(run, gyre, postgres)


# ---- pgbench ----

PGBENCH_SCALE = 10
PGBENCH_CLIENTS = 32


def pgbench(run, server, *arguments, timeout=300):
    environment = dict(os.environ, PGOPTIONS="-c default_transaction_isolation=read\\ committed")
    return call(["taskset", "-c", str(run.options.client_core), "pgbench", "-h", "127.0.0.1", "-p", str(server.port),
                 "-U", "materialize", *arguments, "materialize"], timeout=timeout, env=environment)


def balances(server):
    """The four sums that TPC-B keeps equal, and the number of transactions."""
    row = server.system("SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
                        "(SELECT sum(bbalance) FROM pgbench_branches), (SELECT sum(delta) FROM pgbench_history), "
                        "(SELECT count(*) FROM pgbench_history)").strip()
    *sums, count = (int(value or 0) for value in row.split("|"))
    return sums, count


def tpcb(run):
    """pgbench's own script, 32 clients, read committed, durable."""
    gyre, postgres = pair(run)
    done = {gyre: 0, postgres: 0}
    for server in done:
        pgbench(run, server, "-i", "-q", "-s", str(PGBENCH_SCALE))

    def transactions(server):
        def measure():
            out = pgbench(run, server, "-n", "-c", str(PGBENCH_CLIENTS), "-j", "1", "-M", "prepared",
                          "-T", str(max(1, round(run.options.seconds))))
            failed = re.search(r"number of failed transactions: (\d+)", out)
            if failed and failed.group(1) != "0":
                raise Trouble(f"{server.name}: {failed.group(1)} transactions failed")
            done[server] += int(re.search(r"actually processed: (\d+)", out).group(1))
            return float(re.search(r"tps = ([0-9.]+)", out).group(1))
        return measure
    values = run.alternate(f"pgbench TPC-B, scale {PGBENCH_SCALE}, {PGBENCH_CLIENTS} clients: transactions/s",
                           {"gyre": transactions(gyre), "postgres": transactions(postgres)})
    run.bar(f"pgbench TPC-B, {PGBENCH_CLIENTS} clients, read committed: against postgres",
            run.ratios(values, "gyre", "postgres"), 2)
    sums, count = balances(gyre)
    run.bar("pgbench TPC-B: answered transactions that are missing", [done[gyre] - count], 0, at_most=True)
    run.bar("pgbench TPC-B: sums that differ", [len(set(sums)) - 1], 0, at_most=True)
    stop(run, gyre, postgres)


# ---- bulk loads ----

def bulk_load(run):
    """A million rows in one statement: from a query, and from the client."""
    gyre, postgres = pair(run)
    with tempfile.NamedTemporaryFile("w", dir=run.options.scratch, suffix=".tsv", delete=False) as file:
        file.writelines(f"{i}\tvalue {i}\n" for i in range(ROWS))
    statements = {
        "INSERT ... SELECT of 1 M rows": f"INSERT INTO loaded SELECT i, 'value ' || i FROM generate_series(1, {ROWS}) AS s(i)",
        "COPY of 1 M rows": f"\\copy loaded FROM '{file.name}'",
    }
    for name, statement in statements.items():
        def rate(server, statement=statement):
            def measure():
                server.system("CREATE TABLE loaded (id int4 PRIMARY KEY, v text)")
                began = time.monotonic()
                server.system(statement)
                took = time.monotonic() - began
                server.system("DROP TABLE loaded")
                return ROWS / took
            return measure
        values = run.alternate(f"{name}: rows/s", {"gyre": rate(gyre), "postgres": rate(postgres)})
        run.bar(f"{name}: against postgres", run.ratios(values, "gyre", "postgres"), 2)
    stop(run, gyre, postgres)


# ---- recovery ----

def recovery(run):
    """Rows a second from a checkpoint, and row changes a second from the log: of large commits, and of small ones."""
    gyre = run.start(DurableGyre(run.options), "--checkpoint-wal-bytes", "64GB", "--checkpoint-interval", "86400")
    gyre.system("CREATE TABLE k (id int4 PRIMARY KEY, v text)", "CREATE TABLE inserted (id int8 PRIMARY KEY, v text)",
                "GRANT INSERT ON inserted TO materialize",
                f"INSERT INTO k SELECT i, 'value ' || i FROM generate_series(1, {ROWS}) AS s(i)",
                "ALTER SYSTEM SET synchronous_commit = off")
    changes = {"one commit": lambda: gyre.system("UPDATE k SET v = v || '!'"),
               "small commits": lambda: run.bench(gyre, "recovery_inserts.ini")}

    def restart(end):
        end()
        gyre.start("--checkpoint-wal-bytes", "64GB", "--checkpoint-interval", "86400")

    def rate(count, seconds):
        return gyre.metric(count) / gyre.metric(seconds)

    values = {"checkpoint": [], **{name: [] for name in changes}}
    for _ in range(run.rounds):
        gyre.system("TRUNCATE inserted")
        restart(gyre.stop)  # which writes a checkpoint
        values["checkpoint"].append(rate("gyre_recovery_checkpoint_rows", "gyre_recovery_checkpoint_duration_seconds"))
        for name, change in changes.items():
            restart(gyre.stop)
            change()
            time.sleep(0.5)  # what is not synchronous is written
            restart(gyre.kill)
            values[name].append(rate("gyre_recovery_row_changes", "gyre_recovery_log_duration_seconds"))
    for name, rates in values.items():
        bound = 1_000_000 if name == "checkpoint" else 500_000
        what = "recovery: rows/s from a checkpoint" if name == "checkpoint" else f"recovery: row changes/s from the log of {name}"
        run.figures[(what, "gyre")] = rates
        run.bar(what, rates, bound, unit="/s")
    stop(run, gyre)


def readers_beside_writers(run):
    """Point lookups by 64 connections, alone and beside durable inserts; the oracle core is not the readers' core."""
    gyre = run.start(Gyre(run.options))
    gyre.load_k()
    gyre.system("GRANT UPDATE ON k TO materialize")
    values = run.alternate("point lookups, 64 connections, by what else is going on", {
        "nothing": lambda: run.bench(gyre, "point_lookup_64.ini", "--protocol", "prepared")["jobs"][0]["queries_per_second"],
        "inserts": lambda: run.bench(gyre, "readers_beside_writers.ini", "--protocol", "prepared")["jobs"][0]["queries_per_second"],
    })
    run.bar("readers beside writers: their rate against that without", run.ratios(values, "inserts", "nothing"), 0.8)
    stop(run, gyre)
