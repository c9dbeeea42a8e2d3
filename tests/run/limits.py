#!/usr/bin/python3
"""Each limit is reached: refused with its SQLSTATE, its metric moves, and connection and server live on.

    tests/run/limits.py [CASE...]      starts a server itself (build/gyre, or $GYRE_BIN)

The table of limits is in docs/security.md; access.py has the limits on the way in.
"""

import argparse
import re
import sys
import traceback
import urllib.request

import server
import wire

MB = 1 << 20
STATEMENT, TOTAL, RESULT, MESSAGE = 16 * MB, 400 * MB, 8 * MB, 4 * MB
FLAGS = ['--statement-memory-limit', '16MB', '--memory-limit', '400MB', '--max-message-size', '4MB']

# Single values that would be larger than a statement's memory, in every way of making one.
VALUES = {
    'repeat': "length(repeat('x', 100000000))",
    'repeat of repeat': "length(repeat(repeat('x', 1000000), 100))",
    'lpad': "length(lpad('x', 100000000))",
    'rpad with wide characters': "length(rpad('x', 10000000, 'äöü'))",
    'concatenation': "length(a || a || a || a) from (select repeat('x', 6000000) as a) s",
    'concat': "length(concat(a, a, a, a)) from (select repeat('x', 6000000) as a) s",
    'concat_ws': "length(concat_ws(a, 'x', 'y', 'z', 'w')) from (select repeat('x', 6000000) as a) s",
    'replace': "length(replace(a, 'x', a)) from (select repeat('x', 10000) as a) s",
    'regexp_replace': "length(regexp_replace(a, 'x', '\\&\\&\\&\\&\\&\\&\\&\\&', 'g')) from (select repeat('x', 4000000) as a) s",
    'translate': "length(translate(a, 'x', '€')) from (select repeat('x', 7000000) as a) s",
    'format by width': "length(format('%100000000s', 'x'))",
    'format by arguments': "length(format('%1$s%1$s%1$s%1$s', a)) from (select repeat('x', 6000000) as a) s",
    'quote_literal': "length(quote_literal(a)) from (select repeat('''', 9000000) as a) s",
    'string_agg': "length(string_agg(a, ',')) from (select repeat('x', 1000) as a from generate_series(1, 100000)) s",
    'array_agg': "cardinality(array_agg(a)) from (select repeat('x', 1000) as a from generate_series(1, 100000)) s",
    'string_to_array': "cardinality(string_to_array(repeat('1,', 1000000), ','))",
    'array_to_string': "length(array_to_string(string_to_array(repeat('1,', 10000), ','), repeat('x', 10000)))",
    'encode': "length(encode(a::bytea, 'hex')) from (select repeat('x', 9000000) as a) s",
    'max': "length(max(a)) from (select repeat('x', g * 100000) as a from generate_series(1, 150) g) s",
}
# Rows that would be kept.
ROWS = {
    'sort': 'select a from generate_series(1, 10000000) a order by a desc',
    'sort of wide rows': "select repeat('x', 100000), a from generate_series(1, 1000) a order by a desc",
    'group by': 'select count(*) from (select a from generate_series(1, 10000000) a group by a) s',
    'distinct': 'select count(*) from (select distinct a from generate_series(1, 10000000) a) s',
    'count distinct': 'select count(distinct a) from generate_series(1, 10000000) a',
    'hash join': 'select count(*) from generate_series(1, 10000000) a join generate_series(1, 10000000) b on a = b',
    'nested loop': 'select count(*) from generate_series(1, 10) a join generate_series(1, 10000000) b on a < b',
    'except': 'select count(*) from (select a from generate_series(1, 10000000) a except select 1) s',
    'subquery': 'select count(*) from generate_series(1, 10) a where a not in (select b from generate_series(1, 10000000) b)',
    'update': "update wide set a = repeat('y', 1000)",
    'returning': "insert into sink select repeat('x', 1000) from generate_series(1, 30000) returning a",
    'create table as': "create table made as select repeat('x', 1000) as a from generate_series(1, 30000)",
    'one row': 'select ' + ', '.join(['a'] * 40) + " from (select repeat('x', 1000000) as a) s",
    'one stored row': 'select ' + ', '.join(['a'] * 40) + ' from stored where id = 1',
    'one copied row': 'copy (select ' + ', '.join(['a'] * 40) + " from stored) to stdout",
}

passed = failed = 0


class Limits:
    def __init__(self, place):
        self.place = place
        self.connection = None

    def connect(self, user='mz_system'):
        port = self.place.internal_port if user == 'mz_system' else self.place.port
        return wire.Connection(self.place.host, port, user, 'materialize', 60)

    def metric(self, name):
        page = urllib.request.urlopen('http://127.0.0.1:%d/metrics' % self.place.http_port, timeout=20).read().decode()
        found = re.search(r'^%s (\S+)$' % re.escape(name), page, re.MULTILINE)
        if not found:
            raise AssertionError('no metric ' + name)
        return float(found.group(1))

    def most_memory(self):
        with open('/proc/%d/status' % self.place.process.pid) as file:
            return int(re.search(r'VmHWM:\s+(\d+) kB', file.read()).group(1)) << 10


def refusal(c, act):
    try:
        act(c)
    except wire.ServerError as error:
        return error.sqlstate
    except wire.Closed:
        return 'closed'
    return None


def results_one_after_the_other(c):
    """Each below the limit, by the unnamed portal; the last one above."""
    c.query("set max_query_result_size = '%d'" % RESULT)
    for count in (60, 60, 60):
        if refusal(c, lambda c: c.extended("select repeat('x', 100000) from generate_series(1, $1)", (str(count),), (23,))):
            raise AssertionError('results are added up')
    c.extended("select repeat('x', 100000) from generate_series(1, $1)", ('90',), (23,))


def check(limits, name, wanted, metric, act, survives=True):
    """`act` on a connection ends with this SQLSTATE; the metric grows; the connection goes on, unless it is to end."""
    global passed, failed
    c = limits.connect()
    problems = []
    try:
        before = limits.metric(metric)
        got = refusal(c, act)
        if got not in wanted:
            problems.append('%s, not %s' % (got, ' or '.join(wanted)))
        if survives and c.query('select 1').rows != [(b'1',)]:
            problems.append('the connection does not go on')
        if limits.connect('materialize').query('select 2').rows != [(b'2',)]:
            problems.append('the server does not go on')
        if limits.metric(metric) <= before:
            problems.append(metric + ' does not move')
        if limits.most_memory() > TOTAL:
            problems.append('%d MB were used' % (limits.most_memory() >> 20))
    except Exception:   # noqa: B902
        problems.append(traceback.format_exc())
    c.close()
    if problems:
        failed += 1
        print('%s: %s' % (name, '; '.join(problems)))
    else:
        passed += 1
    sys.stdout.flush()


def by_sqlstate(code):
    return 'gyre_limit_errors_total{sqlstate="%s"}' % code


def query(sql):
    return lambda c: c.query(sql)


def extended(sql):
    return lambda c: c.extended(sql)


def copy_one_field(size):
    """A COPY FROM STDIN with one field, in messages of a megabyte."""
    def act(c):
        c.send((b'Q', wire.cstring('copy sink from stdin')))
        for _ in range(size // MB):
            c.send((b'd', b'x' * MB))
        c.send((b'c', b''))
        for result in c.collect(c.until_ready()):
            if result.error:
                raise result.error
    return act


def one_long_message(c):
    c.send((b'Q', wire.cstring("select '" + 'x' * (2 * MESSAGE) + "'")))
    c.until_ready()


def cases(limits):
    """(name, run) of each case."""
    setup = limits.connect()
    setup.query('create table sink (a text)')
    setup.query("create table wide as select g as id, repeat('x', 1000) as a from generate_series(1, 8000) g")
    for first in range(8001, 24001, 8000):
        setup.query("insert into wide select g, repeat('x', 1000) from generate_series(%d, %d) g" % (first, first + 7999))
    setup.query('create table stored (id int primary key, a text)')
    setup.query("insert into stored values (1, repeat('x', 1000000))")
    setup.close()
    memory = by_sqlstate('53200')
    for name, expression in VALUES.items():
        yield name, lambda n=name, e=expression: check(limits, n, ('53200',), memory, query('select ' + e))
        yield name + ', extended', lambda n=name, e=expression: check(limits, n, ('53200',), memory, extended('select ' + e))
    for name, sql in ROWS.items():
        yield name, lambda n=name, s=sql: check(limits, n, ('53200',), memory, query(s))
    yield 'value in a filter', lambda: check(limits, 'value in a filter', ('53200',), memory,
                                            query("select id from stored where length(repeat(a, 1000)) > 5 and id = 1"))
    yield 'value to be stored', lambda: check(limits, 'value to be stored', ('53200',), memory,
                                             query("insert into sink values (repeat('x', 100000000))"))
    yield 'copied field', lambda: check(limits, 'copied field', ('53200', '54000'), 'gyre_errors_total', copy_one_field(2 * STATEMENT))
    for name, expression in (('longest value', "length(repeat('x', 2000000000))"), ('longest padding', "length(lpad('x', 2000000000))")):
        yield name, lambda n=name, e=expression: check(limits, n, ('54000',), by_sqlstate('54000'), query('select ' + e))
    yield 'result', lambda: check(limits, 'result', ('54000',), 'gyre_results_too_large_total', lambda c: (
        c.query("set max_query_result_size = '%d'" % RESULT), c.query("select repeat('x', 1000) from generate_series(1, 100000)")))
    yield 'results', lambda: check(limits, 'results', ('54000',), 'gyre_results_too_large_total', results_one_after_the_other)
    yield 'result of a write', lambda: check(limits, 'result of a write', ('54000',), 'gyre_results_too_large_total', lambda c: (
        c.query("set max_query_result_size = '1000000'"),
        c.query("insert into sink select repeat('x', 1000) from generate_series(1, 2000) returning a")))
    for name, sql in (('calls', 'select ' + 'abs(' * 4000 + '1' + ')' * 4000), ('operators', 'select ' + '- ' * 5000 + '1')):
        yield name, lambda n=name, s=sql: check(limits, n, ('54001',), by_sqlstate('54001'), query(s))
    yield 'columns', lambda: check(limits, 'columns', ('54011',), by_sqlstate('54011'),
                                  query('select ' + ', '.join(['1'] * 1700)))
    yield 'message', lambda: check(limits, 'message', ('closed', '08P01'), 'gyre_errors_total', one_long_message, False)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('cases', nargs='*')
    options = parser.parse_args()
    global failed
    with server.Gyre(flags=FLAGS) as place:
        for name, run in cases(Limits(place)):
            if not options.cases or name in options.cases:
                run()
    if place.problem:
        failed += 1
        print(place.problem)
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
