"""psycopg2: simple protocol, values quoted by the client, a transaction opened before the first statement."""

import datetime
import decimal
import io
import threading
import uuid

import psycopg2
import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras

from check import DB, HOST, LONG, PORT, USER, Checks

checks = Checks()
psycopg2.extras.register_uuid()


def connect(**more):
    return psycopg2.connect(host=HOST, port=PORT, user=USER, dbname=DB, **more)


def state(error):
    return error.pgcode


ROW = (1, True, 12, 2 ** 40, 1.5, decimal.Decimal('12.340'), "it's \\ ä€", 'vc', 'ch   ', b'\x00\xff\\\'',
       datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
       datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone.utc), uuid.UUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'))


def types(connection):
    cursor = connection.cursor()
    cursor.execute('DROP TABLE IF EXISTS c_psycopg2')
    cursor.execute("""CREATE TABLE c_psycopg2 (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, n numeric(10,3), t text,
                      v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)""")
    connection.commit()
    cursor.execute('INSERT INTO c_psycopg2 VALUES (' + ','.join(['%s'] * len(ROW)) + ')', ROW)
    checks.equal('rows inserted', cursor.rowcount, 1)
    cursor.execute('INSERT INTO c_psycopg2 (id) VALUES (2)')
    connection.commit()
    cursor.execute("SET timezone = 'UTC'")
    cursor.execute('SELECT * FROM c_psycopg2 ORDER BY id')
    rows = cursor.fetchall()
    got = rows[0][:9] + (bytes(rows[0][9]),) + rows[0][10:]
    for index, expected in enumerate(ROW):
        checks.equal('column %d' % index, got[index], expected)
    checks.equal('nulls', rows[1][1:], (None,) * (len(ROW) - 1))
    checks.equal('oids', [d.type_code for d in cursor.description],
                 [23, 16, 21, 20, 701, 1700, 25, 1043, 1042, 17, 1082, 1114, 1184, 2950])
    checks.equal('names', [d.name for d in cursor.description][:3], ['id', 'b', 's'])
    checks.equal('precision', (cursor.description[5].precision, cursor.description[5].scale), (10, 3))
    cursor.execute('SELECT id FROM c_psycopg2 WHERE u = %s AND dt = %s AND b', (ROW[13], ROW[10]))
    checks.equal('found by uuid and date', cursor.fetchone(), (1,))
    connection.commit()


def errors(connection):
    def run(sql, *values):
        try:
            connection.cursor().execute(sql, values or None)
        finally:
            connection.rollback()
    checks.raises('syntax', '42601', state, lambda: run('SELEC 1'))
    checks.raises('table', '42P01', state, lambda: run('SELECT * FROM nosuch'))
    checks.raises('column', '42703', state, lambda: run('SELECT nosuch FROM c_psycopg2'))
    checks.raises('division', '22012', state, lambda: run('SELECT 1 / %s', 0))
    checks.raises('duplicate', '23505', state, lambda: run('INSERT INTO c_psycopg2 (id) VALUES (%s)', 1))
    checks.raises('null', '23502', state, lambda: run('INSERT INTO c_psycopg2 (id) VALUES (%s)', None))
    try:
        run('INSERT INTO c_psycopg2 (id) VALUES (1)')
    except psycopg2.Error as error:
        checks.equal('detail', error.diag.message_detail, 'Key (id)=(1) already exists.')
        checks.equal('constraint', error.diag.constraint_name, 'c_psycopg2_pkey')
        checks.equal('table', error.diag.table_name, 'c_psycopg2')
        checks.equal('severity', error.diag.severity_nonlocalized, 'ERROR')


def transactions(connection):
    cursor = connection.cursor()
    status = psycopg2.extensions
    checks.equal('idle', connection.get_transaction_status(), status.TRANSACTION_STATUS_IDLE)
    cursor.execute('INSERT INTO c_psycopg2 (id, t) VALUES (10, %s)', ('undone',))
    checks.equal('in transaction', connection.get_transaction_status(), status.TRANSACTION_STATUS_INTRANS)
    connection.rollback()
    cursor.execute('SELECT count(*) FROM c_psycopg2 WHERE id = 10')
    checks.equal('rolled back', cursor.fetchone(), (0,))
    try:
        cursor.execute('SELECT 1 / 0')
    except psycopg2.Error:
        pass
    checks.equal('failed transaction', connection.get_transaction_status(), status.TRANSACTION_STATUS_INERROR)
    checks.raises('spoilt', '25P02', state, lambda: cursor.execute('SELECT 1'))
    connection.rollback()
    with connection:
        cursor.execute('INSERT INTO c_psycopg2 (id, t) VALUES (11, %s) RETURNING t', ('kept',))
        checks.equal('returning', cursor.fetchone(), ('kept',))
    cursor.execute('UPDATE c_psycopg2 SET t = %s WHERE id = 11', ('changed',))
    checks.equal('updated', cursor.rowcount, 1)
    cursor.execute('DELETE FROM c_psycopg2 WHERE id = 11')
    checks.equal('deleted', cursor.rowcount, 1)
    connection.commit()


def savepoints(connection):
    cursor = connection.cursor()
    cursor.execute('INSERT INTO c_psycopg2 (id) VALUES (20)')
    cursor.execute('SAVEPOINT one')
    checks.raises('in a savepoint', '23505', state, lambda: cursor.execute('INSERT INTO c_psycopg2 (id) VALUES (20)'))
    checks.raises('spoilt', '25P02', state, lambda: cursor.execute('SELECT 1'))
    cursor.execute('ROLLBACK TO one')
    cursor.execute('INSERT INTO c_psycopg2 (id) VALUES (21)')
    cursor.execute('RELEASE one')
    connection.commit()
    cursor.execute('DELETE FROM c_psycopg2 WHERE id IN (20, 21)')
    checks.equal('both are there', cursor.rowcount, 2)
    connection.commit()


def serialization(connection):
    """Two read what the other changes: the second is told to try again, and does."""
    cursor = connection.cursor()
    cursor.execute('DROP TABLE IF EXISTS c_skew2')
    cursor.execute('CREATE TABLE c_skew2 (id int4 PRIMARY KEY, n int4)')
    cursor.execute('INSERT INTO c_skew2 VALUES (1, 0), (2, 0)')
    connection.commit()
    other = connect()
    for one in (connection, other):
        one.set_session(isolation_level='SERIALIZABLE')
    tries = 0

    def add(of, to):
        own = of.cursor()
        own.execute('SELECT sum(n) FROM c_skew2')
        total = own.fetchone()[0]
        return lambda: (own.execute('UPDATE c_skew2 SET n = %s + 1 WHERE id = %s', (total, to)), of.commit())
    first, second = add(connection, 1), add(other, 2)
    first()
    while True:
        tries += 1
        try:
            second()
            break
        except psycopg2.errors.SerializationFailure as error:
            checks.equal('told to try again', error.pgcode, '40001')
            other.rollback()
            second = add(other, 2)
    checks.equal('once', tries, 2)
    connection.set_session(isolation_level='DEFAULT')
    cursor.execute('SELECT n FROM c_skew2 ORDER BY id')
    checks.equal('one after the other', cursor.fetchall(), [(1,), (2,)])
    cursor.execute('DROP TABLE c_skew2')
    connection.commit()
    other.close()


def cancels(connection):
    cursor = connection.cursor()
    timer = threading.Timer(0.3, connection.cancel)
    timer.start()
    try:
        cursor.execute(LONG)
        checks.equal('canceled', 'no error', '57014')
    except psycopg2.errors.QueryCanceled as error:
        checks.equal('canceled', error.diag.message_primary, 'canceling statement due to user request')
    timer.join()
    connection.rollback()
    cursor.execute("SET statement_timeout = '50ms'")
    try:
        cursor.execute(LONG)
        checks.equal('timeout', 'no error', '57014')
    except psycopg2.errors.QueryCanceled as error:
        checks.equal('timeout', error.diag.message_primary, 'canceling statement due to statement timeout')
    connection.rollback()
    cursor.execute('SHOW statement_timeout')
    checks.equal('a setting goes with its transaction', cursor.fetchone(), ('0',))
    connection.commit()


def batches(connection):
    cursor = connection.cursor()
    psycopg2.extras.execute_values(cursor, 'INSERT INTO c_psycopg2 (id, t) VALUES %s', [(i, 'r%d' % i) for i in range(100, 1100)], page_size=250)
    psycopg2.extras.execute_batch(cursor, 'UPDATE c_psycopg2 SET s = %s WHERE id = %s', [(i % 7, i) for i in range(100, 200)])
    connection.commit()
    cursor.execute('SELECT count(*), sum(s), min(id), max(t) FROM c_psycopg2 WHERE id >= 100')
    checks.equal('batch', cursor.fetchone(), (1000, sum(i % 7 for i in range(100, 200)), 100, 'r999'))
    cursor.execute('SELECT id FROM c_psycopg2 WHERE id >= %s ORDER BY id', (100,))
    checks.equal('rowcount', cursor.rowcount, 1000)
    checks.equal('fetchmany', cursor.fetchmany(3), [(100,), (101,), (102,)])
    cursor.execute('SELECT 1; SELECT 2')
    checks.equal('several statements answer the last', cursor.fetchall(), [(2,)])
    connection.commit()


def session(connection):
    checks.equal('version', connection.server_version // 10000, 15)
    checks.equal('encoding', connection.encoding, 'UTF8')
    for name in ('client_encoding', 'DateStyle', 'integer_datetimes', 'server_encoding', 'standard_conforming_strings', 'TimeZone',
                 'server_version', 'session_authorization', 'is_superuser', 'IntervalStyle', 'application_name'):
        checks.equal(name + ' is reported', connection.get_parameter_status(name) is not None, True)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET application_name = 'client test'")
    checks.equal('reported again', connection.get_parameter_status('application_name'), 'client test')
    cursor.execute('DROP TABLE IF EXISTS c_nosuch')
    checks.equal('notice', 'does not exist, skipping' in connection.notices[-1], True)
    with connect(options='-c datestyle=ISO,DMY', application_name='named') as other:
        checks.equal('options', other.get_parameter_status('DateStyle'), 'ISO, DMY')
        checks.equal('application_name', other.get_parameter_status('application_name'), 'named')
    cursor.execute('DROP TABLE c_psycopg2')


def copies(connection):
    cursor = connection.cursor()
    cursor.execute('DROP TABLE IF EXISTS c_copy2')
    cursor.execute('CREATE TABLE c_copy2 (id int4 PRIMARY KEY, t text)')
    connection.commit()
    cursor.copy_from(io.StringIO('1\tone\n2\t\\N\n'), 'c_copy2')
    checks.equal('rows copied', cursor.rowcount, 2)
    cursor.copy_expert('COPY c_copy2 FROM STDIN WITH CSV HEADER', io.StringIO('id,t\n3,"a, b"\n4,\n'))
    many = io.StringIO(''.join('%d\t%s\n' % (i, 'x' * (i % 100)) for i in range(10, 20010)))
    cursor.copy_expert('COPY c_copy2 FROM STDIN', many, size=65536)
    cursor.execute('SELECT count(*), sum(length(t)) FROM c_copy2')
    checks.equal('all of them', cursor.fetchone(), (20004, 990007))
    checks.raises('duplicate key', '23505', state, lambda: cursor.copy_from(io.StringIO('30000\tx\n1\ty\n'), 'c_copy2'))
    connection.rollback()
    cursor.execute('SELECT count(*) FROM c_copy2')
    checks.equal('nothing stays of a block that failed', cursor.fetchone(), (0,))
    checks.raises('bad row', '22P02', state, lambda: cursor.copy_from(io.StringIO('1\tx\nx\ty\n'), 'c_copy2'))
    connection.rollback()
    binary = io.BytesIO()
    cursor.copy_expert("COPY (SELECT g, 'r' || g FROM generate_series(1, 5000) g) TO STDOUT BINARY", binary)
    binary.seek(0)
    cursor.copy_expert('COPY c_copy2 FROM STDIN BINARY', binary)
    out = io.StringIO()
    cursor.copy_expert('COPY (SELECT * FROM c_copy2 WHERE id < 3 ORDER BY id) TO STDOUT WITH CSV HEADER', out)
    checks.equal('as csv', out.getvalue(), 'id,t\n1,r1\n2,r2\n')
    out = io.StringIO()
    cursor.copy_to(out, 'c_copy2', columns=('t',))
    checks.equal('the table out', len(out.getvalue().split()), 5000)
    cursor.execute('DROP TABLE c_copy2')
    connection.commit()


connection = connect()
for step in (types, errors, transactions, savepoints, serialization, cancels, batches, copies, session):
    checks.step(step, connection)
connection.close()
checks.finish()
