#!/usr/bin/python3
"""Random statements, each asked of Gyre and of PostgreSQL 15: same types, same values, same SQLSTATE.

    tests/run/against_postgres.py [STATEMENTS]

Starts a server of each kind. Statements are made from few shapes with ever new literals, so that most of Gyre's answers come
from plans that were made for other literals; that is what this argues about. A difference is printed with the seed that
replays it (GYRE_TEST_SEED). Rows are compared in the order they come where the statement orders them, sorted otherwise.
"""

import os
import random
import sys

import server
import wire

STATEMENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
SEED = int(os.environ.get('GYRE_TEST_SEED') or random.SystemRandom().randrange(1 << 31))
TABLE = 'CREATE TABLE s (id int PRIMARY KEY, v text, n numeric(10,2), f float8, d date, ts timestamp, b bool)'
ROWS = ["(%d, 'v%d', %d.%02d, %r, '2024-01-%02d', '2024-01-01 %02d:00:00', %s)"
        % (i, i % 7, i, i, i / 3, i % 28 + 1, i % 24, 'true' if i % 2 else 'false') for i in range(30)]

# {a} any literal, {n} a number, {s} a string, {i} a small integer.
SHAPES = '''
SELECT {a}
SELECT {a} + {a}
SELECT {a} || {a}
SELECT {a} = {a}
SELECT -{n}, - {n}
SELECT {a}::text, {a}::int4
SELECT {a}::numeric(6,2)
SELECT coalesce(null, {n}, {n}), coalesce(null, {s}, {s})
SELECT nullif({a}, {a})
SELECT greatest({a}, {a}), least({a}, {a})
SELECT date {s}
SELECT to_hex({i}), repeat({s}, {i})
VALUES ({a}), ({a})
SELECT {a} UNION SELECT {a} ORDER BY 1
SELECT * FROM (VALUES ({a}, {a})) t (x, y) WHERE x = {a}
SELECT * FROM s WHERE id = {a} ORDER BY id
SELECT v FROM s WHERE v = {a} ORDER BY id
SELECT id FROM s WHERE d = {a} ORDER BY id
SELECT id FROM s WHERE id IN ({a}, {a}, {a}) ORDER BY id
SELECT id FROM s WHERE v LIKE {s} ORDER BY id
SELECT id FROM s ORDER BY {i} LIMIT {i}
SELECT id, v FROM s ORDER BY id LIMIT {i} OFFSET {i}
SELECT count(*) FROM s WHERE n > {a}
SELECT v, count(*) FROM s GROUP BY 1 HAVING count(*) > {a} ORDER BY 1
SELECT max(v), {a} FROM s GROUP BY v ORDER BY 1
SELECT DISTINCT v, {a} FROM s ORDER BY 1
SELECT sum(id * {a}) FROM s
SELECT CASE WHEN id > {a} THEN {n} ELSE {n} END FROM s ORDER BY id
SELECT substr(v, {i}, {i}) FROM s ORDER BY id
SELECT id BETWEEN {a} AND {a} FROM s ORDER BY id
SELECT round(n, {i}) FROM s ORDER BY id
SELECT id-{a} FROM s ORDER BY id
SELECT f < {a} FROM s ORDER BY id
SELECT b = {a} FROM s ORDER BY id
SELECT extract(year FROM ts) + {a} FROM s ORDER BY id
SELECT ts > {s} FROM s ORDER BY id
UPDATE s SET v = {s}, f = f + {n} WHERE id = {a}
DELETE FROM s WHERE id = {i} RETURNING id, v
INSERT INTO s (id, v, n) VALUES ({a}, {a}, {n}) RETURNING *
'''.strip().split('\n')
LITERALS = {
    'i': ['0', '1', '2', '3', '4'],
    'n': ['0', '1', '2', '29', '30', '2147483647', '2147483648', '99999999999', '9223372036854775807', '9223372036854775808',
          '1.5', '0.10', '2.0', '1e3', '.5', '10000000000000000000', '3.14159'],
    's': ["'v1'", "'V1'", "'2024-01-05'", "'5'", "'abc'", "''", "'%1'", "'v_'", "'1.5'", "'true'", "'2024-01-01 03:00'", "'it''s'"],
}
LITERALS['a'] = LITERALS['n'] + ['-1', '-2147483648'] + LITERALS['s']


def statement(chance):
    text = chance.choice(SHAPES)
    while '{' in text:
        at = text.index('{')
        text = text[:at] + chance.choice(LITERALS[text[at + 1]]) + text[at + 3:]
    return text


def answer(connection, text):
    result = connection.simple(text)[-1]
    if result.error:
        return result.error.sqlstate
    rows = result.rows if ' ORDER BY ' in text else sorted(result.rows, key=repr)
    return [(column.name, column.type_name) for column in result.columns or ()], rows, result.tag


def main():
    chance = random.Random(SEED)
    differences = 0
    with server.Gyre() as ours, server.Postgres() as theirs:
        connections = [wire.Connection(s.host, s.port, s.user, s.database) for s in (ours, theirs)]
        for text in (TABLE, 'INSERT INTO s VALUES ' + ', '.join(ROWS)):
            for connection in connections:
                connection.query(text)
        for _ in range(STATEMENTS):
            text = statement(chance)
            ours_says, theirs_says = (answer(connection, text) for connection in connections)
            if ours_says != theirs_says:
                differences += 1
                if differences <= 10:
                    print('%s\n  Gyre:       %s\n  PostgreSQL: %s' % (text, ours_says, theirs_says))
        for connection in connections:
            connection.terminate()
    problem = bool(ours.problem or theirs.problem)
    if differences or problem:
        print('GYRE_TEST_SEED=%d' % SEED)
    print('%d passed, %d failed' % (STATEMENTS - differences, differences + problem))
    sys.exit(1 if differences or problem else 0)


main()
