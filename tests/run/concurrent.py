#!/usr/bin/python3
"""Many connections at once: what one was told is written, every other must see from then on, and nobody sees half a statement.

    tests/run/server gyre -- tests/run/concurrent.py [SECONDS]

Threads of one Python process; the server is the one that runs in parallel. Nothing here measures time: SECONDS (2) is how long each part
goes on. It passes on PostgreSQL 15 too.
"""

import random
import sys
import threading
import time

import wire

TARGET = wire.Target()
SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0


class Part:
    """Threads that go on until the time is over or one of them finds something wrong."""

    def __init__(self):
        self.over, self.problems, self.steps = threading.Event(), [], 0
        self.lock = threading.Lock()

    def thread(self, body, *arguments):
        def run():
            try:
                with TARGET.connect(timeout=30) as connection:
                    steps = 0
                    while not self.over.is_set():
                        body(connection, *arguments)
                        steps += 1
                with self.lock:
                    self.steps += steps
            except Exception as error:   # noqa: B902  whatever it is, it is the finding
                self.problems.append('%s: %s' % (body.__name__, error))
                self.over.set()
        return threading.Thread(target=run)

    def run(self, threads):
        for thread in threads:
            thread.start()
        self.over.wait(SECONDS)
        self.over.set()
        for thread in threads:
            thread.join()


def number(connection, sql):
    value = connection.query(sql).rows[0][0]
    return None if value is None else int(value)


def require(condition, text):
    if not condition:
        raise AssertionError(text)


def fresh(table, definition):
    with TARGET.connect() as connection:
        connection.simple('DROP TABLE IF EXISTS ' + table)
        connection.query('CREATE TABLE %s (%s)' % (table, definition))


def written_is_seen(part):
    """A read that starts after a write was answered sees it, on whichever connection; and no later read sees less."""
    fresh('con_seen', 'id int4 PRIMARY KEY, v int4')
    with TARGET.connect() as connection:
        connection.query('INSERT INTO con_seen VALUES (1, 0), (2, 0)')
    told = {1: 0, 2: 0}

    def write(connection, row):
        value = told[row] + 1
        connection.query('UPDATE con_seen SET v = %d WHERE id = %d' % (value, row))
        told[row] = value

    def read(connection):
        for row in (1, 2):
            before = told[row]
            seen = number(connection, 'SELECT v FROM con_seen WHERE id = %d' % row)
            require(seen >= before, 'row %d: %d was answered before, but %d is read' % (row, before, seen))
            again = number(connection, 'SELECT max(v) FROM con_seen WHERE id = %d' % row)
            require(again >= seen, 'row %d: %d after %d' % (row, again, seen))

    part.run([part.thread(write, 1), part.thread(write, 2)] + [part.thread(read) for _ in range(6)])


def statements_are_whole(part):
    """Moving an amount between rows in one statement never shows in the sum, nor in an index."""
    fresh('con_sum', 'id int4 PRIMARY KEY, v int4, tag text UNIQUE')
    rows = 50
    with TARGET.connect() as connection:
        connection.query('INSERT INTO con_sum VALUES ' + ','.join("(%d, 100, 't%d')" % (i, i) for i in range(rows)))

    def move(connection):
        a, b = random.sample(range(rows), 2)
        connection.query('UPDATE con_sum SET v = v + CASE WHEN id = %d THEN -7 ELSE 7 END WHERE id IN (%d, %d)' % (a, a, b))

    def add(connection):
        total = number(connection, 'SELECT sum(v) FROM con_sum')
        require(total == rows * 100, 'the sum is %d' % total)
        require(number(connection, 'SELECT count(*) FROM con_sum') == rows, 'rows are missing')
        i = random.randrange(rows)
        found = connection.query("SELECT id FROM con_sum WHERE tag = 't%d'" % i).rows
        require(found == [(b'%d' % i,)], 'by tag t%d: %r' % (i, found))

    part.run([part.thread(move) for _ in range(2)] + [part.thread(add) for _ in range(4)])


def increments_add_up(part):
    """Nothing is lost when several connections change the same row."""
    fresh('con_count', 'id int4 PRIMARY KEY, v int8')
    with TARGET.connect() as connection:
        connection.query('INSERT INTO con_count VALUES (1, 0)')

    def increment(connection):
        require(connection.query('UPDATE con_count SET v = v + 1 WHERE id = 1').tag == 'UPDATE 1', 'no row')

    part.run([part.thread(increment) for _ in range(6)])
    with TARGET.connect() as connection:
        total = number(connection, 'SELECT v FROM con_count')
    if total != part.steps and not part.problems:
        part.problems.append('%d increments were answered, %d are there' % (part.steps, total))


def one_of_many_wins(part):
    """Of several inserts of one key exactly one succeeds, the others are told 23505."""
    fresh('con_once', 'id int4 PRIMARY KEY, who int4')
    won = []

    def insert(connection, who):
        key = insert.keys[who] = insert.keys[who] + 1
        try:
            connection.query('INSERT INTO con_once VALUES (%d, %d)' % (key, who))
            won.append(key)
        except wire.ServerError as error:
            require(error.sqlstate == '23505', str(error))

    insert.keys = [0] * 6
    part.run([part.thread(insert, who) for who in range(6)])
    with TARGET.connect() as connection:
        there = number(connection, 'SELECT count(*) FROM con_once')
        last = number(connection, 'SELECT max(id) FROM con_once')
    if not part.problems and not (len(won) == len(set(won)) == there == last == max(insert.keys)):
        part.problems.append('%d won, %d are there, the last is %d' % (len(won), there, last))


def tables_come_and_go(part):
    """Readers of a table that is dropped and made again find its rows, or that it is not there; nothing else."""
    fresh('con_ddl', 'a int4, b text')

    def remake(connection):
        definition = random.choice(('a int4, b text', 'b text, a int4, c bool', 'a int4 PRIMARY KEY, b text'))
        connection.simple('DROP TABLE IF EXISTS con_ddl')
        connection.query('CREATE TABLE con_ddl (%s)' % definition)
        connection.query("INSERT INTO con_ddl (a, b) VALUES (7, 'seven')")

    def read(connection):
        for ask in (lambda: connection.query('SELECT a, b FROM con_ddl'), lambda: connection.extended('SELECT a, b FROM con_ddl WHERE a = $1', ['7'])):
            try:
                rows = ask().rows
                require(rows in ([], [(b'7', b'seven')]), 'rows %r' % rows)
            except wire.ServerError as error:
                # XX000 and 0A000: PostgreSQL's own words when a table vanishes under a plan.
                allowed = ('42P01',) if TARGET.engine == 'gyre' else ('42P01', 'XX000', '0A000', '40P01')
                require(error.sqlstate in allowed, str(error))

    part.run([part.thread(remake)] + [part.thread(read) for _ in range(5)])


def connections_come_and_go(part):
    """Connections open, ask, and leave in every manner while others work."""
    fresh('con_many', 'id int4 PRIMARY KEY')
    with TARGET.connect() as connection:
        connection.query('INSERT INTO con_many VALUES ' + ','.join('(%d)' % i for i in range(1000)))

    def visit(_):
        with TARGET.connect(timeout=30) as guest:
            manner = random.randrange(4)
            if manner == 0:
                guest.send((b'Q', b'SELECT * FROM con_many\0'))     # leaves without listening
            elif manner == 1:
                guest.send((b'Q', b'BEGIN\0'), (b'Q', b'INSERT INTO con_many VALUES (5000)\0'))
            elif manner == 2:
                guest.terminate()
            else:
                require(len(guest.query('SELECT * FROM con_many').rows) == 1000, 'rows are missing')

    def work(connection):
        require(number(connection, 'SELECT count(*) FROM con_many') == 1000, 'rows are missing')

    part.run([part.thread(visit) for _ in range(3)] + [part.thread(work) for _ in range(3)])


def main():
    passed = failed = 0
    for name, play in (('written is seen', written_is_seen), ('statements are whole', statements_are_whole), ('increments add up', increments_add_up),
                       ('one of many wins', one_of_many_wins), ('tables come and go', tables_come_and_go),
                       ('connections come and go', connections_come_and_go)):
        part = Part()
        try:
            play(part)
        except (OSError, wire.Closed, wire.ServerError) as error:
            part.problems.append(str(error))
        if part.steps == 0:
            part.problems.append('nothing was done')
        print('%-24s %7d steps  %s' % (name, part.steps, '; '.join(part.problems[:3]) or 'ok'), flush=True)
        passed, failed = passed + (not part.problems), failed + bool(part.problems)
    with TARGET.connect() as connection:
        for table in ('con_seen', 'con_sum', 'con_count', 'con_once', 'con_ddl', 'con_many'):
            connection.simple('DROP TABLE IF EXISTS ' + table)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
