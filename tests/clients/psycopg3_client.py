"""psycopg 3: extended protocol for everything, BEGIN included; binary parameters, prepared statements, pipelines."""

import datetime
import decimal
import threading
import uuid

import psycopg
from psycopg import pq

from check import DB, HOST, LONG, PORT, USER, Checks

checks = Checks()


def connect(**more):
    return psycopg.connect(host=HOST, port=PORT, user=USER, dbname=DB, **more)


def state(error):
    return error.sqlstate


ROW = (1, True, 12, 2 ** 40, 0.1, decimal.Decimal('-12.340'), "it's \\ ä€", 'vc', 'ch   ', b'\x00\xff\\',
       datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
       datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone.utc), uuid.UUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'))


def types(connection):
    connection.execute('DROP TABLE IF EXISTS c_psycopg3')
    connection.execute("""CREATE TABLE c_psycopg3 (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, n numeric(10,3), t text,
                          v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)""")
    connection.commit()
    insert = 'INSERT INTO c_psycopg3 VALUES (' + ','.join(['%s'] * len(ROW)) + ')'
    checks.equal('inserted', connection.execute(insert, ROW).rowcount, 1)
    binary = insert.replace('%s', '%b')
    checks.equal('inserted in binary', connection.execute(binary, (2,) + ROW[1:]).rowcount, 1)
    connection.execute('INSERT INTO c_psycopg3 VALUES (' + ','.join(['%t'] * len(ROW)) + ')', (3,) + (None,) * (len(ROW) - 1))
    connection.commit()
    connection.execute("SET timezone = 'UTC'")
    for in_binary in (False, True):
        cursor = connection.cursor(binary=in_binary)
        rows = cursor.execute('SELECT * FROM c_psycopg3 ORDER BY id').fetchall()
        for index, expected in enumerate(ROW):
            checks.equal('column %d, binary %s' % (index, in_binary), rows[0][index], expected)
            checks.equal('column %d sent in binary, binary %s' % (index, in_binary), rows[1][index], (2,) + ROW[1:] if index < 0 else (expected, 2)[index == 0])
        checks.equal('nulls', rows[2][1:], (None,) * (len(ROW) - 1))
    checks.equal('oids', [d.type_code for d in cursor.description],
                 [23, 16, 21, 20, 701, 1700, 25, 1043, 1042, 17, 1082, 1114, 1184, 2950])
    for value in (decimal.Decimal('0'), decimal.Decimal('1E+10'), decimal.Decimal('-0.000001'), decimal.Decimal('123456789012345678901234567890.12')):
        got = connection.execute('SELECT %b::numeric', (value,), binary=True).fetchone()[0]
        checks.equal('numeric %s' % value, got == value, True)
    for value in (float('inf'), float('-inf'), 1e-300, -0.5):
        checks.equal('float %s' % value, connection.execute('SELECT %b::float8', (value,), binary=True).fetchone()[0], value)
    connection.commit()


def errors(connection):
    def run(sql, *values):
        try:
            connection.execute(sql, values)
        finally:
            connection.rollback()
    checks.raises('syntax', '42601', state, lambda: run('SELEC 1'))
    checks.raises('table', '42P01', state, lambda: run('SELECT * FROM nosuch'))
    checks.raises('function', '42883', state, lambda: run('SELECT nosuch(1)'))
    checks.raises('division', '22012', state, lambda: run('SELECT 1 / %s::int4', 0))
    checks.raises('range', '22003', state, lambda: run('SELECT %s::int2', 70000))
    checks.raises('text', '22P02', state, lambda: run('SELECT %s::int4', 'x'))
    checks.raises('duplicate', '23505', state, lambda: run('INSERT INTO c_psycopg3 (id) VALUES (%s)', 1))
    checks.raises('several statements', '42601', state, lambda: run('SELECT %s; SELECT 2', 1))
    try:
        run('SELECT nosuch FROM c_psycopg3')
    except psycopg.Error as error:
        checks.equal('position', error.diag.statement_position, '8')
    try:
        run('INSERT INTO c_psycopg3 (id) VALUES (%s)', 1)
    except psycopg.errors.UniqueViolation as error:
        fields = error.diag
        checks.equal('fields', (fields.schema_name, fields.table_name, fields.constraint_name, fields.message_detail),
                     ('public', 'c_psycopg3', 'c_psycopg3_pkey', 'Key (id)=(1) already exists.'))


def cancels(connection):
    timer = threading.Timer(0.3, connection.cancel)
    timer.start()
    checks.raises('canceled', '57014', state, lambda: connection.execute(LONG))
    timer.join()
    connection.rollback()
    with connect(options='-c statement_timeout=50') as other:
        checks.raises('timeout', '57014', state, lambda: other.execute(LONG))
        other.rollback()
        checks.equal('still usable', other.execute('SELECT 1').fetchone(), (1,))


def transactions(connection):
    connection.rollback()
    with connection.transaction():
        connection.execute('INSERT INTO c_psycopg3 (id) VALUES (%s)', (10,))
        checks.equal('status', connection.info.transaction_status, pq.TransactionStatus.INTRANS)
    checks.equal('kept', connection.execute('SELECT count(*) FROM c_psycopg3 WHERE id = 10').fetchone(), (1,))
    connection.rollback()
    try:
        with connection.transaction():
            connection.execute('DELETE FROM c_psycopg3')
            raise KeyError
    except KeyError:
        pass
    checks.equal('undone', connection.execute('SELECT count(*) FROM c_psycopg3').fetchone(), (4,))
    connection.rollback()
    try:
        connection.execute('SELECT 1 / 0')
    except psycopg.Error:
        checks.equal('status', connection.info.transaction_status, pq.TransactionStatus.INERROR)
    checks.raises('spoilt', '25P02', state, lambda: connection.execute('SELECT 1'))
    connection.rollback()
    with connection.transaction():
        connection.execute('INSERT INTO c_psycopg3 (id) VALUES (20)')
        try:
            with connection.transaction():   # a savepoint
                connection.execute('INSERT INTO c_psycopg3 (id) VALUES (21)')
                connection.execute('INSERT INTO c_psycopg3 (id) VALUES (20)')
        except psycopg.errors.UniqueViolation:
            pass
        with connection.transaction('mine'):
            connection.execute('INSERT INTO c_psycopg3 (id) VALUES (22)')
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute('DELETE FROM c_psycopg3')
            except psycopg.Rollback:
                pass
    nested = connection.execute('SELECT id FROM c_psycopg3 WHERE id BETWEEN 20 AND 29 ORDER BY id').fetchall()
    checks.equal('nested', nested, [(20,), (22,)])
    connection.execute('DELETE FROM c_psycopg3 WHERE id BETWEEN 20 AND 29')
    connection.commit()
    write_skew(connection)


def write_skew(connection):
    """Both read what the other writes: the second to commit is told to try again."""
    with connect() as other:
        for one in (connection, other):
            one.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
            one.execute('SELECT count(*) FROM c_psycopg3 WHERE id IN (30, 31)').fetchone()
        connection.execute('INSERT INTO c_psycopg3 (id) VALUES (30)')
        other.execute('INSERT INTO c_psycopg3 (id) VALUES (31)')
        connection.commit()
        try:
            other.commit()
            checks.equal('write skew', 'no error', '40001')
        except psycopg.errors.SerializationFailure as error:
            checks.equal('write skew', (error.sqlstate, isinstance(error, psycopg.OperationalError)), ('40001', True))
        other.rollback()
        checks.equal('tried again', other.execute('SELECT count(*) FROM c_psycopg3 WHERE id IN (30, 31)').fetchone(), (1,))
        other.execute('INSERT INTO c_psycopg3 (id) VALUES (31)')
        other.commit()
    connection.isolation_level = None
    connection.execute('DELETE FROM c_psycopg3 WHERE id IN (30, 31)')
    connection.commit()


def prepared(connection):
    for number in range(12):   # the sixth run is prepared on the server
        got = connection.execute('SELECT t, %s::int4 + 1 FROM c_psycopg3 WHERE id = %s', (number, 1)).fetchone()
        checks.equal('run %d' % number, got, (ROW[6], number + 1))
    got = connection.execute('SELECT n FROM c_psycopg3 WHERE id = %s', (2,), prepare=True).fetchone()
    checks.equal('prepared at once', got, (ROW[5],))
    connection.commit()
    cursor = connection.cursor()
    cursor.executemany('INSERT INTO c_psycopg3 (id, t) VALUES (%s, %s)', [(i, 'r%d' % i) for i in range(100, 400)])
    checks.equal('executemany', cursor.rowcount, 300)
    cursor.executemany('INSERT INTO c_psycopg3 (id) VALUES (%s) RETURNING id', [(400,), (401,)], returning=True)
    checks.equal('returning', cursor.fetchone(), (400,))
    cursor.nextset()
    checks.equal('returning, second', cursor.fetchone(), (401,))
    connection.commit()
    checks.equal('all there', connection.execute('SELECT count(*), max(t) FROM c_psycopg3 WHERE id >= 100').fetchone(), (302, 'r399'))
    connection.commit()


def pipelines(connection):
    if not psycopg.Pipeline.is_supported():
        return
    with connection.pipeline():
        cursors = [connection.execute('SELECT %s::int4 * 2', (i,)) for i in range(50)]
        checks.equal('pipeline', [c.fetchone()[0] for c in cursors], [i * 2 for i in range(50)])
    connection.commit()
    try:
        with connection.pipeline() as pipeline:
            connection.execute('INSERT INTO c_psycopg3 (id) VALUES (900)')
            connection.execute('SELECT 1 / 0')
            connection.execute('INSERT INTO c_psycopg3 (id) VALUES (901)')
            pipeline.sync()
    except psycopg.Error as error:
        checks.equal('error in a pipeline', error.sqlstate, '22012')
    connection.rollback()
    checks.equal('nothing of it stays', connection.execute('SELECT count(*) FROM c_psycopg3 WHERE id >= 900').fetchone(), (0,))
    connection.commit()
    with connect(autocommit=True) as auto:
        rows = auto.cursor()
        checks.equal('row by row', [row[0] for row in rows.stream('SELECT id FROM c_psycopg3 WHERE id >= 100 ORDER BY id')], list(range(100, 402)))


def copies(connection):
    rows = connection.cursor()
    rows.execute('CREATE TABLE c_copy3 (id int8, t text, d timestamptz)')
    now = datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone.utc)
    with rows.copy('COPY c_copy3 FROM STDIN') as copy:
        for i in range(3000):
            copy.write_row((i, 'tab\t%d' % i if i % 3 else None, now))
    checks.equal('rows copied', rows.rowcount, 3000)
    with rows.copy('COPY c_copy3 (id, t) FROM STDIN (FORMAT BINARY)') as copy:
        copy.set_types(['int8', 'text'])
        for i in range(3000, 4000):
            copy.write_row((i, 'b%d' % i))
    checks.equal('sums', rows.execute('SELECT count(*), sum(id), count(t), count(d) FROM c_copy3').fetchone(),
                 (4000, decimal.Decimal(7998000), 3000, 3000))
    with rows.copy('COPY (SELECT id, t FROM c_copy3 WHERE id < 2 ORDER BY id) TO STDOUT') as copy:
        copy.set_types(['int8', 'text'])
        checks.equal('read back', list(copy.rows()), [(0, None), (1, 'tab\t1')])
    with rows.copy('COPY c_copy3 (id) TO STDOUT (FORMAT BINARY)') as copy:
        copy.set_types(['int8'])
        checks.equal('read in binary', sum(row[0] for row in copy.rows()), 7998000)
    connection.commit()
    try:
        with rows.copy('COPY c_copy3 FROM STDIN') as copy:
            copy.write_row((1, 'x', now))
            raise KeyError('gives up')
    except psycopg.errors.QueryCanceled:
        pass
    connection.rollback()
    checks.equal('nothing of it stays', rows.execute('SELECT count(*) FROM c_copy3').fetchone(), (4000,))
    rows.execute('DROP TABLE c_copy3')
    connection.commit()


def finish(connection):
    connection.rollback()
    connection.autocommit = True
    results = connection.execute('SELECT 1; SELECT 2')   # without parameters psycopg uses one simple message
    checks.equal('first of two', results.fetchone(), (1,))
    results.nextset()
    checks.equal('second of two', results.fetchone(), (2,))
    connection.execute('DROP TABLE c_psycopg3')


connection = connect()
for step in (types, errors, transactions, cancels, prepared, pipelines, copies, finish):
    checks.step(step, connection)
connection.close()
checks.finish()
