#!/usr/bin/python3
"""What unkind clients do, and what it costs the others: while each abuse goes on, a well-behaved client logs in and asks, again and again.

    tests/run/abuse.py [--scale N] [CASE...]      starts its servers itself (build/gyre, or $GYRE_BIN)

Prints for each case how long a login with its first query took (median, worst) and how much memory the server had at most. No time is
asserted: what fails is a server that does not answer, ends, or grows beyond its bound.
"""

import argparse
import contextlib
import os
import random
import resource
import selectors
import socket
import statistics
import struct
import sys
import threading
import time
import traceback

import server
import wire

CASES = []
passed = failed = 0
scale, memory_limit = 1, '400MB'
SEED = int(os.environ.get('GYRE_TEST_SEED', random.randrange(1 << 30)))


def case(function):
    CASES.append(function)
    return function


def resident(pid):
    with open('/proc/%d/statm' % pid) as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


class Witness(threading.Thread):
    """A client that wants nothing unusual, and how it fares. It may be turned away by limits that the abuse exhausts: then it tries again,
    so many times in all."""

    def __init__(self, place, attempts):
        super().__init__(daemon=True)
        self.attempts = attempts
        self.place, self.times, self.problems, self.most, self.over = place, [], [], 0, threading.Event()

    def run(self):
        while not self.over.is_set():
            began = time.monotonic()
            for attempt in range(self.attempts):
                try:
                    with contextlib.closing(wire.Connection(self.place.host, self.place.port, 'materialize', 'materialize', 20)) as c:
                        if c.query('select 1').rows != [(b'1',)]:
                            self.problems.append('a wrong answer')
                    break
                except (OSError, wire.Closed, wire.ServerError) as error:
                    if attempt + 1 == self.attempts:
                        self.problems.append(repr(error))
            self.times.append(time.monotonic() - began)
            self.most = max(self.most, resident(self.place.process.pid))
            self.over.wait(0.02)


def startup(user, database='materialize'):
    body = struct.pack('!I', wire.PROTOCOL) + b'user\0' + user.encode() + b'\0database\0' + database.encode() + b'\0\0'
    return struct.pack('!I', len(body) + 4) + body


def run(function, *flags):
    """One case on a server of its own, with a witness."""
    global passed, failed
    problems, before, after = [], 0, 0
    witness = None
    try:
        with server.Gyre(flags=['--statement-memory-limit', '64MB', '--memory-limit', memory_limit, *flags]) as place:
            before = resident(place.process.pid)
            witness = Witness(place, getattr(function, 'attempts', 1))
            witness.start()
            try:
                note = function(place) or ''
            finally:
                witness.over.set()
                witness.join(30)
            after = resident(place.process.pid)
        if place.problem:
            problems.append(place.problem)
    except Exception:   # noqa: B902
        traceback.print_exc(file=sys.stdout)
        problems.append('see above')
        note = ''
    if witness is not None:
        problems += witness.problems[:3]
        times = sorted(witness.times) or [float('nan')]
        print('| %s | %d | %.1f | %.1f | %d | %d | %s |' % (
            function.__name__.replace('_', ' '), len(times), statistics.median(times) * 1e3, times[-1] * 1e3, before >> 20,
            max(witness.most, after) >> 20, note))
        bound = before + getattr(function, 'bound', 256 << 20)
        if witness.most > bound:
            problems.append('%d MB is more than %d MB' % (witness.most >> 20, bound >> 20))
    if problems:
        failed += 1
        print('  %s: %s (GYRE_TEST_SEED=%d)' % (function.__name__, '; '.join(problems), SEED))
    else:
        passed += 1
    sys.stdout.flush()


def open_many(place, count):
    """Sockets that have connected; fewer where descriptors run out."""
    out = []
    for _ in range(count):
        try:
            out.append(socket.create_connection((place.host, place.port), 20))
        except OSError:
            break
    return out


def close_all(sockets):
    for s in sockets:
        s.close()


@case
def slow_loris(place):
    """Start-up packets, a byte at a time."""
    sockets, packet = open_many(place, 200 * scale), startup('materialize')
    for at in range(min(len(packet) - 1, 30)):
        for s in sockets:
            with contextlib.suppress(OSError):
                s.sendall(packet[at:at + 1])
        time.sleep(0.03)
    close_all(sockets)
    return '%d connections' % len(sockets)


@case
def half_open_connections(place):
    sockets = open_many(place, 500 * scale)
    time.sleep(1)
    close_all(sockets)
    return '%d connections' % len(sockets)


half_open_connections.flags = ('--max-pending-logins', '300')
half_open_connections.attempts = 5   # a login that is under way when 300 others come is the oldest, and goes


@case
def connect_storm(place):
    count = 0
    for _ in range(300 * scale):
        s = socket.create_connection((place.host, place.port), 20)
        s.sendall(startup('materialize'))
        s.close()
        count += 1
    return '%d connections' % count


@case
def many_connections(place):
    """Logged in, all at once; some of them ask something."""
    wanted = 1000 * scale
    held = []
    for _ in range(wanted):
        try:
            held.append(wire.Connection(place.host, place.port, 'materialize', 'materialize', 20))
        except (OSError, wire.ServerError):
            break
    for c in held[::50]:
        c.query('select 1')
    memory = resident(place.process.pid)
    for c in held:
        c.close()
    return '%d connections, %.1f kB each' % (len(held), memory / 1024 / max(1, len(held)))


many_connections.flags = ('--max-connections', '20000')
many_connections.bound = 1 << 30


@case
def bad_logins(place):
    """Wrong names, wrong databases, wrong messages."""
    chance = random.Random(SEED)
    count = 0
    for _ in range(300 * scale):
        with contextlib.suppress(OSError):
            s = socket.create_connection((place.host, place.port), 20)
            kind = chance.randrange(4)
            s.sendall([startup('nobody%d' % count), startup('materialize', 'nowhere'), b'GET / HTTP/1.1\r\n\r\n',
                       bytes(chance.randrange(256) for _ in range(chance.randrange(1, 200)))][kind])
            s.close()
            count += 1
    return '%d attempts' % count


@case
def wrong_passwords(place):
    """Exchanges up to the wrong proof, many at a time; the witness is trusted by its own rule."""
    first = b'n,,n=,r=abcdefgh'
    initial = b'SCRAM-SHA-256\0' + struct.pack('!i', len(first)) + first
    selector, done, started = selectors.DefaultSelector(), 0, 0
    wanted = 200 * scale

    def begin():
        s = socket.create_connection((place.host, place.port), 20)
        s.sendall(startup('guessed') + wire.frame(b'p', initial))
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ, [b'', 0])
    deadline = time.monotonic() + 60
    while done < wanted and time.monotonic() < deadline:
        while started < wanted and started - done < 50:
            begin()
            started += 1
        for key, _ in selector.select(1):
            s, state = key.fileobj, key.data
            with contextlib.suppress(OSError):
                data = s.recv(65536)
                state[0] += data
                if b',i=4096' in state[0] and not state[1]:
                    nonce = state[0].split(b'r=')[1].split(b',')[0]
                    s.sendall(wire.frame(b'p', b'c=biws,r=' + nonce + b',p=' + b'A' * 43 + b'='))
                    state[1] = 1
                if data and b'28P01' not in state[0]:
                    continue
            selector.unregister(s)
            s.close()
            done += 1
    return '%d guesses' % done


@case
def cancel_storm(place):
    count = 0
    for i in range(500 * scale):
        s = socket.create_connection((place.host, place.port), 20)
        s.sendall(struct.pack('!IIII', 16, wire.CANCEL_REQUEST, i << 8, 12345))
        s.close()
        count += 1
    return '%d requests' % count


@case
def encryption_requests_without_end(place):
    ask, gss = struct.pack('!II', 8, wire.SSL_REQUEST), struct.pack('!II', 8, wire.GSS_REQUEST)
    for _ in range(5 * scale):
        with contextlib.suppress(OSError):
            s = socket.create_connection((place.host, place.port), 20)
            s.sendall((ask + gss) * 10000)
            s.close()
    return '%d connections of 20,000 requests' % (5 * scale)


BOMBS = (
    'select 1 where 1 in (' + ','.join(str(i) for i in range(60000)) + ')',
    'select ' + '(' * 100000 + '1' + ')' * 100000,
    'select ' + '- ' * 5000 + '1',
    'select ' + ' + '.join('1' for _ in range(30000)),
    "select length(repeat('x', 2000000000))",
    "select length(repeat('x', 1000000000))",
    "select length(lpad('x', 1000000000)) + length(format('%1000000000s', 'x'))",
    "select length(repeat(repeat('x', 1000000), 100))",
    'select count(*) from (select a, b from generate_series(1, 100000) a, generate_series(1, 100000) b order by b desc, a) s',
    'select a, b from generate_series(1, 100000) a cross join generate_series(1, 100000) b order by a + b',
    'select count(distinct a * 100000 + b) from generate_series(1, 100000) a, generate_series(1, 100000) b',
    "select * from generate_series(1, 1000000000) a where a < 0",
    'select ' + ' union all select '.join(str(i) for i in range(3000)),
    'with a as (select 1 x union all select 2), b as (select * from a p, a q, a r, a s, a t), c as (select 1 from b p, b q, b r, b s) '
    'select count(*) from c p, c q',
)


@case
def memory_bombs(place):
    outcomes = {}
    for bomb in BOMBS:
        c = wire.Connection(place.host, place.port, 'materialize', 'materialize', 60)
        c.query("set statement_timeout = '2s'")
        try:
            c.query(bomb)
            outcome = 'ok'
        except wire.ServerError as error:
            outcome = error.sqlstate
        c.close()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return ', '.join('%d x %s' % (n, o) for o, n in sorted(outcomes.items()))


@case
def giant_messages(place):
    """Lengths that promise much and bring little; then a parameter of 60 MB."""
    held = []
    for _ in range(50 * scale):
        c = wire.Connection(place.host, place.port, 'materialize', 'materialize', 20)
        c.send_bytes(b'Q' + struct.pack('!I', 60 << 20) + b'select ')
        held.append(c)
    c = wire.Connection(place.host, place.port, 'materialize', 'materialize', 60)
    answer = c.extended('select length($1::text)', ['x' * (60 << 20)]).rows
    for each in held + [c]:
        each.close()
    return '%d promises of 60 MB; length %s' % (len(held), answer[0][0].decode())


giant_messages.bound = 512 << 20


@case
def endless_prepared_statements(place):
    c = wire.Connection(place.host, place.port, 'materialize', 'materialize', 60)
    outcome, count = 'ok', 0
    text = 'select ' + ', '.join("'%s' as c%d" % ('x' * 100, i) for i in range(50))
    for i in range(2000 * scale):
        try:
            c.query("prepare p%d as %s, %d" % (i, text, i))
            count += 1
        except wire.ServerError as error:
            outcome = error.sqlstate
            break
    c.close()
    return '%d statements, then %s' % (count, outcome)


endless_prepared_statements.bound = 1 << 30


@case
def clients_that_do_not_read(place):
    held = []
    for _ in range(20 * scale):
        c = wire.Connection(place.host, place.port, 'materialize', 'materialize', 20)
        c.send((b'Q', wire.cstring("select repeat('x', 1000) from generate_series(1, 10000000)")))
        held.append(c)
    time.sleep(1.5)
    for c in held:
        c.close()
    return '%d clients, 10 GB wanted by each' % len(held)


def main():
    global scale, memory_limit
    parser = argparse.ArgumentParser()
    parser.add_argument('--scale', type=int, default=1)
    parser.add_argument('--memory-limit', default=memory_limit, help="the server's; sanitizers need more")
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    scale, memory_limit = options.scale, options.memory_limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print('| abuse | logins meanwhile | median, ms | worst, ms | memory before, MB | at most, MB | |')
    print('|---|---|---|---|---|---|---|')
    for one in CASES:
        if options.cases and one.__name__ not in options.cases:
            continue
        flags = getattr(one, 'flags', ())
        if one is wrong_passwords:
            import tempfile
            with tempfile.NamedTemporaryFile('w', suffix='.hba') as rules:
                rules.write('host all materialize,mz_system all trust\nhost all all all scram-sha-256\n')
                rules.flush()
                run(one, '--hba-file', rules.name)
        else:
            run(one, *flags)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
