#!/usr/bin/python3
"""What a server must survive: garbage, truncated and oversized frames, wrong counts and lengths, bytes that are no text, deep nesting,
clients that say nothing, never read, or vanish.

    tests/run/server gyre -- tests/run/bad_input.py [NAME...]

Every case expects PostgreSQL's SQLSTATE (these run against PostgreSQL 15 too) and a connection that stays usable where PostgreSQL
keeps it. After every case a connection that was there all along must still answer, and a new one must be taken.
GYRE_TEST_SEED replays the random part.
"""

import os
import random
import socket
import struct
import sys
import time

import wire

TARGET = wire.Target()
SOON = 10.0    # seconds within which a server that lives has answered
CASES = []
CLOSED = 'closed'


class Wrong(Exception):
    pass


def case(function):
    CASES.append(function)
    return function


def expect(name, got, *wanted):
    if got not in wanted:
        raise Wrong('%s: expected %s, got %s' % (name, ' or '.join(map(repr, wanted)), repr(got)))


def raw():
    return wire.Raw(TARGET.host, TARGET.port, SOON)


def startup_packet(parameters, protocol=wire.PROTOCOL, terminator=b'\0'):
    body = struct.pack('>I', protocol) + b''.join(wire.cstring(x) for pair in parameters for x in pair) + terminator
    return struct.pack('>I', len(body) + 4) + body


def login(**more):
    return startup_packet([('user', TARGET.user), ('database', TARGET.database)] + list(more.items()))


def first_error(connection):
    """The SQLSTATE of the first error that comes, 'ready' when ReadyForQuery comes instead, or CLOSED."""
    try:
        while True:
            letter, body = connection.message()
            if letter == 'E':
                return wire.parse_fields(body).get('C')
            if letter == 'Z':
                return 'ready'
    except wire.Closed as error:
        return str(error) if 'no answer' in str(error) else CLOSED


def rest(connection):
    """Reads until the connection is closed or ready; which of the two."""
    try:
        while True:
            if connection.message()[0] == 'Z':
                return 'ready'
    except wire.Closed as error:
        return str(error) if 'no answer' in str(error) else CLOSED


def at_startup(data):
    """What the server says to these first bytes: (SQLSTATE or CLOSED, what follows)."""
    with raw() as connection:
        connection.send_bytes(data)
        got = first_error(connection)
        return got, rest(connection) if got not in (CLOSED, 'ready') else got


def in_session(*messages, sync=True):
    """Sends messages on a fresh session: (SQLSTATE, 'ready' or CLOSED afterwards). It must then still answer if it is ready."""
    with TARGET.connect(timeout=SOON) as connection:
        try:
            connection.send(*messages, *([wire.SYNC] if sync else []))
        except wire.Closed:
            pass
        got = first_error(connection)
        after = rest(connection) if got not in (CLOSED, 'ready') else got
        if after == 'ready':
            expect('the session afterwards', connection.query('SELECT 41 + 1').rows, [(b'42',)])
        return got, after


def query_state(sql):
    """The SQLSTATE of a simple query ('00000' when it succeeds); the session must go on."""
    with TARGET.connect(timeout=60) as connection:
        results = connection.simple(sql)
        expect('the session afterwards', connection.query('SELECT 41 + 1').rows, [(b'42',)])
        errors = [r.error.sqlstate for r in results if r.error]
        return errors[0] if errors else '00000'


# --- before login --------------------------------------------------------------------------------------------------------------


@case
def startup_garbage():
    expect('HTTP', at_startup(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n')[0], CLOSED, '08P01')
    expect('zeros', at_startup(b'\0' * 64)[0], CLOSED, '08P01')
    expect('ones', at_startup(b'\xff' * 64)[0], CLOSED, '08P01')
    expect('TLS hello', at_startup(b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + b'\x11' * 40)[0], CLOSED, '08P01')


@case
def startup_lengths():
    for length in (0, 1, 4, 7, 20000, 1 << 30, (1 << 31) - 1, 1 << 31, (1 << 32) - 1):
        expect('length %d' % length, at_startup(struct.pack('>I', length) + b'\0\3\0\0' + b'user\0x\0\0' * 2)[0], CLOSED, '08P01', '0A000')


@case
def startup_truncated():
    packet = login()
    for size in range(len(packet)):
        with raw() as connection:
            connection.send_bytes(packet[:size])


@case
def startup_versions():
    expect('protocol 2', at_startup(startup_packet([('user', TARGET.user)], 2 << 16))[0], '0A000', CLOSED)   # PostgreSQL answers in protocol 2
    expect('protocol 4', at_startup(startup_packet([('user', TARGET.user)], 4 << 16))[0], '0A000')
    with raw() as connection:
        connection.send_bytes(startup_packet([('user', TARGET.user), ('database', TARGET.database), ('_pq_.grease', '1')], (3 << 16) + 9999))
        letter, body = connection.message()
        expect('a newer minor version is negotiated', letter, 'v')
        newest, unknown = struct.unpack_from('>II', body)
        expect('down to 3.0', newest & 0xffff, 0)
        expect('unknown options are told', (unknown, body[8:]), (1, b'_pq_.grease\0'))
        expect('and the session starts', rest(connection), 'ready')


@case
def startup_parameters():
    expect('no user', at_startup(startup_packet([('database', TARGET.database)])), ('28000', CLOSED))
    expect('no terminator', at_startup(startup_packet([('user', TARGET.user)], terminator=b'xyz')), ('08P01', CLOSED))
    expect('unknown role', at_startup(startup_packet([('user', 'nosuch'), ('database', TARGET.database)])), ('28000', CLOSED))
    expect('unknown database', at_startup(startup_packet([('user', TARGET.user), ('database', 'nosuch')])), ('3D000', CLOSED))
    expect('unknown setting', at_startup(login(nosuchsetting='1')), ('42704', CLOSED))
    expect('wrong value', at_startup(login(datestyle='nonsense')), ('22023', CLOSED))
    expect('wrong encoding', at_startup(login(client_encoding='nonsense'))[0], '22023')
    expect('options', at_startup(login(options='-c datestyle=ISO,DMY -c extra_float_digits=2'))[0], 'ready')
    expect('the encoding as asyncpg writes it', at_startup(login(client_encoding="'utf-8'"))[0], 'ready')


@case
def encryption_requests():
    ssl, gss = (struct.pack('>II', 8, code) for code in (wire.SSL_REQUEST, wire.GSS_REQUEST))
    # PostgreSQL would go on with GSSAPI.
    for order in ((ssl,), (gss,), (gss, ssl), (ssl, gss)) if TARGET.engine == 'gyre' else ((ssl,),):
        with raw() as connection:
            for request in order:
                connection.send_bytes(request)
                expect('answer', connection.read_exactly(1), b'N')
            connection.send_bytes(login())
            expect('login', rest(connection), 'ready')
    with raw() as connection:
        connection.send_bytes(ssl)
        connection.read_exactly(1)
        connection.send_bytes(ssl)
        expect('a second time', first_error(connection), '0A000', CLOSED)


@case
def cancel_of_nobody():
    for key in ((0, 0), (1, 2), (2 ** 32 - 1, 2 ** 32 - 1)):
        wire.cancel(TARGET.host, TARGET.port, key)
    with raw() as connection:
        connection.send_bytes(struct.pack('>III', 12, wire.CANCEL_REQUEST, 1))
        expect('a short request', first_error(connection), CLOSED, '08P01', '0A000')


@case
def silent_clients():
    idle = [raw() for _ in range(20)]
    for connection in idle[10:]:
        connection.send_bytes(login()[:9])
    survivor_answers()
    for connection in idle:
        connection.close()


@case
def wrong_port_for_the_role():
    if TARGET.engine == 'gyre':
        expect('mz_system on the SQL port', at_startup(startup_packet([('user', TARGET.admin), ('database', TARGET.database)]))[0], '28000')
        with wire.Raw(TARGET.host, TARGET.internal_port, SOON) as connection:
            connection.send_bytes(login())
            expect('materialize on the internal port', first_error(connection), '28000')


# --- frames --------------------------------------------------------------------------------------------------------------------


@case
def unknown_letters():
    for letter in b'!\x00\xffzAp':
        expect('letter %r' % bytes([letter]), in_session((bytes([letter]), b''), sync=False), ('08P01', CLOSED))


@case
def frame_lengths():
    for letter in b'QPBEDCSH':
        for length in (0, 1, 3, 0x40000000, 0x7fffffff, 0x80000000, 0xffffffff):
            with TARGET.connect(timeout=SOON) as connection:
                connection.send_bytes(bytes([letter]) + struct.pack('>I', length) + b'x' * 16)
                got = first_error(connection)
                expect('letter %c, length %d' % (letter, length), got, CLOSED, '08P01', '54000')
                if got != CLOSED:
                    expect('closed afterwards', rest(connection), CLOSED)


@case
def truncated_frames():
    stream = b''.join(wire.frame(*m) for m in (
        wire.parse_message('', 'SELECT $1::int4'), wire.bind_message('', '', ['1']), wire.describe_message('P'), wire.execute_message(), wire.SYNC))
    for size in range(1, len(stream), 3):
        with TARGET.connect(timeout=SOON) as connection:
            connection.send_bytes(stream[:size])


@case
def one_byte_at_a_time():
    with raw() as connection:
        for byte in login() + wire.frame(b'Q', b'SELECT 7\0'):
            connection.send_bytes(bytes([byte]))
        expect('login', rest(connection), 'ready')
        expect('first message', connection.message()[0], 'T')
        expect('row', connection.message()[1], b'\0\1\0\0\0\x017')


@case
def malformed_bodies():
    good = wire.parse_message('s', 'SELECT $1::int4')
    for name, message in (
            ('Parse without anything', (b'P', b'')), ('Parse without end', (b'P', b'abc')), ('Parse without types', (b'P', b'\0SELECT 1\0')),
            ('Parse with too many types', (b'P', b'\0SELECT 1\0\0\2\0\0\0\x17')), ('Parse with more', (b'P', b'\0SELECT 1\0\0\0junk')),
            ('Bind without anything', (b'B', b'')), ('Bind short', (b'B', b'\0s\0\0\0\0\1\0\0')),
            ('Bind, value too long', (b'B', b'\0s\0\0\0\0\1\0\0\0\xff1\0\0')), ('Bind, length -2', (b'B', b'\0s\0\0\0\0\1\xff\xff\xff\xfe\0\0')),
            ('Bind with more', (b'B', b'\0s\0\0\0\0\1\0\0\0\x011\0\0junk')),
            ('Describe without anything', (b'D', b'')), ('Describe of X', (b'D', b'Xs\0')), ('Describe without end', (b'D', b'Ss')),
            ('Close of X', (b'C', b'Xs\0')), ('Execute short', (b'E', b'\0\0')), ('Execute with more', (b'E', b'\0\0\0\0\0junk'))):
        expect(name, in_session(good, message), ('08P01', 'ready'))
    for name, message in (('Query without end', (b'Q', b'SELECT 1')), ('Query with more', (b'Q', b'SELECT 1\0 junk\0')), ('Query empty', (b'Q', b''))):
        expect(name, in_session(message, sync=False), ('08P01', 'ready'))


@case
def sync_with_a_body():
    expect('Sync with more', in_session((b'S', b'junk'), sync=False)[0], '08P01')
    expect('Flush with more', in_session((b'H', b'junk'))[0], '08P01')


# --- values --------------------------------------------------------------------------------------------------------------------


@case
def binary_parameters_of_wrong_length():
    sizes = {'bool': 1, 'int2': 2, 'int4': 4, 'int8': 8, 'float4': 4, 'float8': 8, 'date': 4, 'timestamp': 8, 'timestamptz': 8, 'uuid': 16}
    for name, size in sizes.items():
        for wrong in (0, size - 1, size + 1, size * 2, 1000):
            if wrong == size:
                continue
            got = in_session(wire.parse_message('', 'SELECT $1::' + name), wire.bind_message('', '', [b'\1' * wrong], [1]), wire.execute_message())
            expect('%s of %d bytes' % (name, wrong), got, ('08P01' if wrong < size else '22P03', 'ready'))


@case
def binary_numerics():
    def bind(data):
        return in_session(wire.parse_message('', 'SELECT $1::numeric'), wire.bind_message('', '', [data], [1]), wire.execute_message())
    expect('empty', bind(b''), ('08P01', 'ready'))
    expect('digits missing', bind(struct.pack('>hhHh', 3, 0, 0, 0)), ('08P01', 'ready'))
    expect('a digit of 10000', bind(struct.pack('>hhHhh', 1, 0, 0, 0, 10000)), ('22P03', 'ready'))
    expect('a wrong sign', bind(struct.pack('>hhHh', 0, 0, 0x1234, 0)), ('22P03', 'ready'))
    expect('a wrong scale', bind(struct.pack('>hhHh', 0, 0, 0, 0x7fff)), ('22P03', 'ready'))
    expect('more than it says', bind(struct.pack('>hhHhhh', 1, 0, 0, 0, 1, 1)), ('22P03', 'ready'))
    expect('negative count', bind(struct.pack('>hhHh', -1, 0, 0, 0)), ('08P01', 'ready'))


@case
def binary_dates_out_of_range():
    for name, data in (('date', struct.pack('>i', -2147483640)), ('timestamp', struct.pack('>q', -2 ** 62)), ('timestamptz', struct.pack('>q', 2 ** 63 - 10))):
        expect(name, in_session(wire.parse_message('', 'SELECT $1::' + name), wire.bind_message('', '', [data], [1]), wire.execute_message()),
               ('22008', 'ready'))


@case
def text_parameters():
    for name, value, state in (
            ('int4', 'x', '22P02'), ('int4', '', '22P02'), ('int4', '99999999999', '22003'), ('int2', '70000', '22003'), ('bool', 'maybe', '22P02'),
            ('float8', '1e999', '22003'), ('numeric', '1.2.3', '22P02'), ('date', '2023-02-29', '22008'), ('date', 'x', '22007'),
            ('timestamp', '2024-01-01 25:00:00', '22008'), ('uuid', 'x', '22P02'), ('bytea', '\\xg', '22023'), ('varchar(2)', 'abc', 'ready')):
        expect('%s %r' % (name, value), in_session(wire.parse_message('', 'SELECT $1::' + name), wire.bind_message('', '', [value]), wire.execute_message())[0], state)


@case
def invalid_text():
    for data in (b'\xff', b'\xc3', b'\xc3(', b'\xe2\x82', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xc0\x80', b'\x80'):
        expect('in a query', in_session((b'Q', b"SELECT '" + data + b"'\0"), sync=False), ('22021', 'ready'))
        expect('in Parse', in_session((b'P', b"\0SELECT '" + data + b"'\0\0\0")), ('22021', 'ready'))
        for fmt in (0, 1):
            expect('in a value, format %d' % fmt, in_session(
                wire.parse_message('', 'SELECT $1::text'), wire.bind_message('', '', [data], [fmt]), wire.execute_message()), ('22021', 'ready'))
    for fmt in (0, 1):
        expect('NUL in a value, format %d' % fmt, in_session(
            wire.parse_message('', 'SELECT $1::text'), wire.bind_message('', '', [b'a\0b'], [fmt]), wire.execute_message()), ('22021', 'ready'))
    expect('in a name', in_session((b'Q', b'SELECT "\xff"\0'), sync=False), ('22021', 'ready'))


@case
def counts():
    good = wire.parse_message('s', 'SELECT $1::int4, $2::text')
    for name, message in (
            ('no values', wire.bind_message('', 's', [])), ('one value', wire.bind_message('', 's', ['1'])),
            ('three values', wire.bind_message('', 's', ['1', '2', '3'])), ('three formats', wire.bind_message('', 's', ['1', '2'], [0, 0, 0])),
            ('three result formats', wire.bind_message('', 's', ['1', '2'], [], [0, 0, 0]))):
        expect(name, in_session(good, message, wire.execute_message()), ('08P01', 'ready'))
    expect('unknown value format', in_session(good, wire.bind_message('', 's', ['1', '2'], [7])), ('22023', 'ready'))
    expect('unknown result format', in_session(good, wire.bind_message('', 's', ['1', '2'], [], [7]), wire.execute_message()), ('22023', 'ready'))
    expect('unknown parameter type', in_session(wire.parse_message('', 'SELECT $1', [4000000000]))[0], '42704', 'XX000')
    many = ','.join('$%d' % i for i in range(1, 1601))
    expect('1,600 parameters', in_session(wire.parse_message('', 'SELECT ' + many, [23] * 1600), wire.bind_message('', '', ['1'] * 1600),
                                          wire.execute_message()), ('ready', 'ready'))
    expect('too many columns', query_state('SELECT ' + ','.join(['1'] * 1700)), '54011')
    many = ','.join('$%d' % i for i in range(1, 65536))
    expect('65,535 parameters', in_session(wire.parse_message('', 'SELECT 1 WHERE 1 IN (%s)' % many, [23] * 65535),
                                           wire.bind_message('', '', ['1'] * 65535), wire.execute_message()), ('ready', 'ready'))
    expect('a parameter number too large', in_session(wire.parse_message('', 'SELECT $65536'))[0], '42P02', '42P18', '54000', '08P01', 'ready')
    expect('a parameter number past int4', in_session(wire.parse_message('', 'SELECT $99999999999'))[0], '42601', '42P02', '22003')


# --- statements ----------------------------------------------------------------------------------------------------------------


@case
def deep_nesting():
    deep = ('54001', '42601', '54000')
    expect('parentheses', query_state('SELECT ' + '(' * 10000 + '1' + ')' * 10000), *deep, '00000')
    expect('parentheses without end', query_state('SELECT ' + '(' * 100000), *deep)
    expect('NOT', query_state('SELECT ' + 'NOT ' * 10000 + 'true'), *deep, '00000')
    expect('minus', query_state('SELECT ' + '- ' * 100000 + '1'), *deep, '00000')
    expect('CASE', query_state('SELECT ' + 'CASE WHEN true THEN ' * 5000 + '1' + ' END' * 5000), *deep, '00000')
    expect('functions', query_state('SELECT ' + 'abs(' * 10000 + '1' + ')' * 10000), *deep, '00000')
    expect('casts', query_state('SELECT 1' + '::int4' * 20000), *deep, '00000')
    expect('a long sum', query_state('SELECT ' + '+'.join(['1'] * 50000)), *deep, '00000')
    expect('a long concatenation', query_state("SELECT " + "||".join(["'a'"] * 50000)), *deep, '00000')
    expect('COALESCE', query_state('SELECT ' + 'COALESCE(null, ' * 5000 + '1' + ')' * 5000), *deep, '00000')
    expect('a long AND', query_state('SELECT ' + ' AND '.join(['true'] * 50000)), *deep, '00000')


@case
def large_statements():
    expect('IN with 50,000 values', query_state('SELECT 1 WHERE 1 IN (%s)' % ','.join(map(str, range(50000)))), '00000')
    with TARGET.connect(timeout=60) as connection:
        text = 'x' * (8 << 20)
        expect('8 MB of text', connection.query("SELECT length('%s')" % text).rows, [(b'%d' % len(text),)])
        expect('8 MB and back', len(connection.query("SELECT '%s'" % text).rows[0][0]), len(text))
        expect('8 MB as a value', connection.extended('SELECT length($1::text)', [text]).rows, [(b'%d' % len(text),)])
        names = connection.query('SELECT 1 AS ' + 'n' * 100000).columns
        expect('a long name is cut', names[0].name, 'n' * 63)
        expect('10,000 statements', len(connection.simple('SELECT 1;' * 10000)), 10000)


@case
def thousands_of_checks():
    """Names are chosen, and the definition is made, in time that grows with their number."""
    with TARGET.connect(timeout=3 * SOON) as connection:
        connection.query('CREATE TABLE bad_checks (a int4, %s)' % ', '.join('CHECK (a > %d)' % -i for i in range(3000)))
        connection.query('DROP TABLE bad_checks')


@case
def notices_without_end():
    with TARGET.connect(timeout=SOON) as connection:
        connection.send((b'Q', b'SELECT count(pg_advisory_unlock(g)) FROM generate_series(1, 3000) AS g\0'))
        letters = []
        while 'Z' not in letters[-1:]:
            letters.append(connection.message()[0])
        expect('warnings', letters.count('N'), 3000 if TARGET.engine == 'postgresql' else 1000)


@case
def settings_without_end():
    if TARGET.engine == 'postgresql':
        return   # has no limits
    expect('a long one', query_state("SET search_path = '%s'" % ('x' * 20000)), '22023')
    expect('a long custom one', query_state("SET bad.text = '%s'" % ('x' * (5 << 20))), '54000')
    expect('many', query_state("SELECT count(set_config('bad.text' || g, repeat('x', 1000), false)) FROM generate_series(1, 5000) AS g"), '54000')
    expect('one again and again', query_state("SELECT count(set_config('bad.text', repeat('x', 1000), false)) FROM generate_series(1, 5000)"), '00000')


@case
def zones_without_end():
    """What is invented stays known; there is room for so many of each kind, and what is not invented needs none of it."""
    if TARGET.engine == 'postgresql':
        return   # keeps them per session
    clock = "g / 3600 % 24 || ':' || g / 60 % 60 || ':' || g % 60"
    for start, end, number in (('AAA', 'BBB,M3.2.0,M11.1.0', 600), ('AAA', '', 5600), ('+', '', 5600)):
        expect(start + end, query_state("SELECT count(timezone('%s' || %s || '%s', now())) FROM generate_series(1, %d) AS g"
                                        % (start, clock, end, number)), '22023')
    for zone in ('+03:17', 'Europe/Berlin', 'UTC', '5.5', '<+11:13>-11:13'):
        expect(zone, query_state("SET timezone = '%s'; SELECT now()" % zone), '00000')


@case
def unknown_objects():
    for sql, state in (('SELECT * FROM nosuch', '42P01'), ('SELECT nosuch', '42703'), ('SELECT nosuch()', '42883'), ('SELECT 1::nosuch', '42704'),
                       ('DROP TABLE nosuch', '42P01'), ('INSERT INTO nosuch VALUES (1)', '42P01'), ('EXECUTE nosuch', '26000'),
                       ('SELECT 1 +', '42601'), ('nonsense', '42601'), ("SELECT 'x", '42601'), ('SHOW nosuch', '42704'), ('SET nosuch = 1', '42704')):
        expect(sql, query_state(sql), state)


@case
def failing_values():
    for sql, state in (('SELECT 1/0', '22012'), ('SELECT 1.0/0', '22012'), ('SELECT 1::float8/0', '22012'), ('SELECT 2147483647+1', '22003'),
                       ('SELECT 9223372036854775807+1', '22003'), ("SELECT '1e999'::float8", '22003'), ("SELECT 'x'::int4", '22P02'),
                       ("SELECT 'abc'::varchar(0)", '22023'), ("SELECT 10::float8^400", '22003'), ("SELECT '\\xq'::bytea", '22023'),
                       ('SELECT sqrt(-1)', '2201F'), ('SELECT ln(0)', '2201E'), ("SELECT chr(0)", '54000'), ('SELECT 1 LIMIT -1', '2201W'),
                       ("SELECT '2023-02-29'::date", '22008'), ("SELECT substr('a', 1, -1)", '22011')):
        expect(sql, query_state(sql), state)
    with TARGET.connect() as connection:
        connection.simple('DROP TABLE IF EXISTS bad_values')
        connection.query('CREATE TABLE bad_values (id int4 PRIMARY KEY, v varchar(2) NOT NULL)')
        connection.query("INSERT INTO bad_values VALUES (1, 'a')")
    for sql, state in (("INSERT INTO bad_values VALUES (1, 'b')", '23505'), ('INSERT INTO bad_values VALUES (2, null)', '23502'),
                       ("INSERT INTO bad_values VALUES (2, 'abc')", '22001'), ("INSERT INTO bad_values VALUES ('x', 'a')", '22P02'),
                       ('DROP TABLE bad_values', '00000')):
        expect(sql, query_state(sql), state)


@case
def answers_too_large():
    too_large = ('54000', '53200', 'XX000')
    expect('repeat past 1 GB', query_state("SELECT repeat('x', 2000000000)"), *too_large)
    expect('lpad past 1 GB', query_state("SELECT lpad('x', 2000000000)"), *too_large)
    expect('repeat of repeat', query_state("SELECT length(repeat(repeat('x', 1000000), 100000))"), *too_large)
    expect('numeric', query_state('SELECT 10.0 ^ 1000000'), '22003')
    expect('power of power', query_state('SELECT 9999999999.0 ^ 9999999999.0'), '22003')


# --- clients that misbehave ----------------------------------------------------------------------------------------------------


@case
def never_reads():
    with TARGET.connect(timeout=60) as connection:
        connection.simple('DROP TABLE IF EXISTS bad_wide')
        connection.query('CREATE TABLE bad_wide (id int4 PRIMARY KEY, t text)')
        for start in range(0, 2000, 100):
            connection.query("INSERT INTO bad_wide VALUES " + ','.join("(%d, repeat('x', 1000))" % i for i in range(start, start + 100)))
    deaf = [TARGET.connect(timeout=60) for _ in range(4)]
    try:
        for connection in deaf:
            connection.send(*[(b'Q', b'SELECT * FROM bad_wide\0')] * 50)
        for _ in range(20):
            survivor_answers()
        # One of them comes round, and finds every answer in its place.
        for _ in range(50):
            result = deaf[0].collect(deaf[0].until_ready())[0]
            expect('rows', len(result.rows), 2000)
    finally:
        for connection in deaf:
            connection.close()
    expect('cleaning up', query_state('DROP TABLE bad_wide'), '00000')


@case
def sends_without_end():
    connection = TARGET.connect(timeout=60)
    connection.socket.setblocking(False)
    block = wire.frame(b'Q', b"SELECT 1, repeat('y', 100)\0") * 1000
    sent, deadline = 0, time.monotonic() + 3
    while sent < 64 << 20 and time.monotonic() < deadline:
        try:
            sent += connection.socket.send(block)
        except BlockingIOError:
            time.sleep(0.01)
    for _ in range(20):
        survivor_answers()
    connection.close()


@case
def vanishes():
    for _ in range(10):
        connection = TARGET.connect()
        connection.send((b'Q', b'BEGIN\0'), (b'Q', b"SELECT repeat('z', 10000000)\0"))
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))   # closes with a reset
        connection.close()
    with TARGET.connect() as connection:
        connection.simple('DROP TABLE IF EXISTS bad_vanish')
        connection.query('CREATE TABLE bad_vanish (id int4 PRIMARY KEY)')
        half = TARGET.connect()
        half.query('BEGIN')
        half.query('INSERT INTO bad_vanish VALUES (1)')
        half.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        half.close()
        time.sleep(0.2)
        expect('its transaction is undone', connection.query('SELECT count(*) FROM bad_vanish').rows, [(b'0',)])
        expect('and blocks nobody', connection.query('INSERT INTO bad_vanish VALUES (1)').tag, 'INSERT 0 1')
        connection.query('DROP TABLE bad_vanish')


def copied(options, *messages, end=(b'c', b'')):
    """What comes of these CopyData: the SQLSTATE, or 'ready'. The table must then be empty, unless they were rows."""
    with TARGET.connect(timeout=SOON) as connection:
        connection.simple('DROP TABLE IF EXISTS bad_copy; CREATE TABLE bad_copy (a int4, b text)')
        connection.send((b'Q', wire.cstring('COPY bad_copy FROM STDIN ' + options)))
        expect('CopyInResponse', connection.message()[0], 'G')
        connection.send(*((b'd', message) for message in messages), *([end] if end else []))
        got = first_error(connection)
        if got not in (CLOSED, 'ready'):
            expect('what follows', rest(connection), 'ready')
            expect('rows', connection.query('SELECT count(*) FROM bad_copy').rows, [(b'0',)])
        connection.simple('DROP TABLE bad_copy')
        return got


@case
def copy_binary():
    head = b'PGCOPY\n\xff\r\n\0' + bytes(8)
    row = struct.pack('>hiii', 2, 4, 1, 1) + b'x'
    expect('whole', copied('BINARY', head + row + b'\xff\xff'), 'ready')
    expect('byte by byte', copied('BINARY', *[bytes([byte]) for byte in head + row + b'\xff\xff']), 'ready')
    for size in range(len(head)):
        expect('header cut at %d' % size, copied('BINARY', head[:size]), '22P04')
    for size in range(len(head) + 2, len(head) + len(row)):
        expect('row cut at %d' % size, copied('BINARY', (head + row)[:size]), '22P04')
    expect('no signature', copied('BINARY', b'x' * 30), '22P04')
    expect('unknown flags', copied('BINARY', head[:11] + struct.pack('>II', 1 << 17, 0)), '22P04')
    expect('an endless extension', copied('BINARY', head[:15] + struct.pack('>i', (1 << 31) - 1)), '22P04')
    expect('an extension of -1', copied('BINARY', head[:15] + struct.pack('>i', -1)), '22P04')
    for count in (0, 1, 3, -2, 32767, -32768):
        expect('%d fields' % count, copied('BINARY', head + struct.pack('>h', count) + row), '22P04')
    for size in (-2, -(1 << 31), (1 << 31) - 1):
        expect('a field of %d bytes' % size, copied('BINARY', head + struct.pack('>hi', 2, size) + b'xxxx'), '22P04', '54000')
    expect('an integer of 3 bytes', copied('BINARY', head + struct.pack('>hi', 2, 3) + b'xxx' + struct.pack('>i', -1)), '08P01', '22P03')
    expect('text that is none', copied('BINARY', head + struct.pack('>hiii', 2, 4, 1, 1) + b'\xff'), '22021')
    expect('more behind the end', copied('BINARY', head + b'\xff\xff' + row), '22P04')


@case
def copy_text():
    expect('no UTF-8', copied('', b'1\t\xff\xfe\n'), '22021')
    expect('a zero byte', copied('', b'1\tx\0y\n'), '22021')
    expect('a zero byte by its number', copied('', b'1\t\\0\n'), '22021')
    expect('a long line', copied('', b'1\t' + b'x' * (8 << 20), b'y' * (8 << 20), b'\n'), 'ready')
    expect('very many fields', copied('', b'\t' * (1 << 20) + b'\n'), '22P04')
    expect('an open quote', copied('CSV', b'1,"' + b'x\n' * 100000), '22P04')
    expect('messages without bytes', copied('', *[b''] * 1000), 'ready')
    expect('given up', copied('', b'1\tx\n', end=(b'f', b'enough\0')), '57014')
    expect('given up without a word', copied('', b'1\tx\n', end=(b'f', b'')), '08P01')
    expect('rows after an error are dropped', copied('', b'x\ty\n', *[b'1\tx\n'] * 10000), '22P02')


@case
def copy_interrupted():
    for last in ((b'Q', b'SELECT 1\0'), (b'P', b'\0\0\0\0'), (b'X', b'')):
        with TARGET.connect(timeout=SOON) as connection:
            connection.simple('DROP TABLE IF EXISTS bad_copy; CREATE TABLE bad_copy (a int4)')
            connection.send((b'Q', b'COPY bad_copy FROM STDIN\0'), (b'd', b'1\n'), last)
            expect('the connection ends', rest(connection), CLOSED, 'ready')
    with TARGET.connect(timeout=SOON) as connection:
        for _ in range(5):
            half = TARGET.connect()
            half.send((b'Q', b'COPY bad_copy FROM STDIN\0'), *[(b'd', b'1\n2\n3\n')] * 5000)
            half.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            half.close()
        time.sleep(0.3)
        expect('nothing of them stays', connection.query('SELECT count(*) FROM bad_copy').rows, [(b'0',)])
        waiting = TARGET.connect(timeout=SOON)
        waiting.send((b'Q', b'COPY bad_copy FROM STDIN\0'), (b'd', b'1\n'))
        expect('CopyInResponse', waiting.message()[0], 'G')
        wire.cancel(TARGET.host, TARGET.port, waiting.key)
        if TARGET.engine == 'postgresql':
            waiting.send((b'd', b'2\n'), (b'c', b''))   # it looks when something comes
        expect('cancelled', first_error(waiting), '57014')
        expect('and ready', rest(waiting), 'ready')
        waiting.close()
        connection.query('DROP TABLE bad_copy')


@case
def path_changed_beneath_a_statement():
    """A statement that runs where the writes do changes the search path, fills the memory that the old one had, and looks a name up."""
    path = ','.join('schema_with_a_rather_long_name_%d' % i for i in range(200))
    fill = ','.join("set_config('bad.b%d', repeat('A', %d), false) IS NULL" % (i, 8190 - i) for i in range(12))
    with TARGET.connect(timeout=SOON) as connection:
        for _ in range(10):
            connection.query("SELECT pg_try_advisory_xact_lock(1), set_config('search_path', '%s', false) IS NULL" % path)
            connection.query("SELECT pg_try_advisory_xact_lock(1), set_config('search_path', 'public', false) IS NULL, %s, "
                             "to_regclass('no_such_thing')" % fill)


@case
def comes_and_goes():
    for _ in range(200):
        raw().close()
    many = [TARGET.connect() for _ in range(90)]
    for number, connection in enumerate(many):
        connection.send((b'Q', b'SELECT %d\0' % number))
    for number, connection in enumerate(many):
        expect('connection %d' % number, connection.collect(connection.until_ready())[0].rows, [(b'%d' % number,)])
    for connection in many:
        connection.close()


@case
def random_messages():
    """Well-formed conversations with some bytes changed, cut, doubled. Whatever comes back, the server must live."""
    seed = int(os.environ.get('GYRE_TEST_SEED') or random.randrange(1 << 32))
    print('  random_messages: GYRE_TEST_SEED=%d' % seed)
    chance = random.Random(seed)
    base = b''.join(wire.frame(*m) for m in (
        wire.parse_message('a', 'SELECT $1::int4, $2::text', [23, 25]), wire.bind_message('p', 'a', ['1', 'x'], [0, 0], [1, 0]), wire.describe_message('S', 'a'),
        wire.describe_message('P', 'p'), wire.execute_message('p', 1), wire.close_message('P', 'p'), wire.SYNC, (b'Q', b"SELECT 1; SELECT 'two'\0"), wire.SYNC))
    for _ in range(300):
        data = bytearray(base)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(data))
            action = chance.randrange(4)
            if action == 0:
                data[at] = chance.randrange(256)
            elif action == 1:
                del data[at:at + chance.randint(1, 8)]
            elif action == 2:
                data[at:at] = data[at:at + chance.randint(1, 20)]
            else:
                data[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 8)))
            if not data:
                data = bytearray(base)
        with TARGET.connect(timeout=SOON) as connection:
            try:
                connection.send_bytes(bytes(data))
            except wire.Closed:
                pass
    survivor_answers()


# --- the run -------------------------------------------------------------------------------------------------------------------

SURVIVOR = None


def survivor_answers():
    began = time.monotonic()
    expect('the survivor', SURVIVOR.query('SELECT 6 * 7').rows, [(b'42',)])
    if time.monotonic() - began > SOON:
        raise Wrong('the survivor waited %.1f s' % (time.monotonic() - began))


def main():
    global SURVIVOR
    SURVIVOR = TARGET.connect(timeout=SOON)
    passed = failed = 0
    for function in CASES:
        if sys.argv[1:] and function.__name__ not in sys.argv[1:]:
            continue
        try:
            function()
            survivor_answers()
            with TARGET.connect(timeout=SOON) as fresh:
                expect('a new connection', fresh.query('SELECT 1').rows, [(b'1',)])
            passed += 1
        except (Wrong, wire.Closed, wire.ServerError, OSError) as error:
            failed += 1
            print('%s: %s' % (function.__name__, error), flush=True)
            if isinstance(error, (wire.Closed, OSError)):
                try:
                    SURVIVOR = TARGET.connect(timeout=SOON)
                except (OSError, wire.Closed, wire.ServerError) as gone:
                    print('the server is gone: %s' % gone)
                    failed += 1
                    break
    print('%d passed, %d failed' % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == '__main__':
    sys.exit(main())
