"""asyncpg: every statement is prepared under a name, described before it is bound, all values binary, cursors are portals."""

import asyncio
import datetime
import decimal
import io
import uuid

import asyncpg

from check import DB, HOST, LONG, PORT, USER, Checks

checks = Checks()

ROW = (1, True, 12, 2 ** 40, 0.1, 1.5, decimal.Decimal('-12.340'), "it's \\ ä€", 'vc', 'ch   ', b'\x00\xff\\',
       datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
       datetime.datetime(2024, 2, 29, 12, 34, 56, tzinfo=datetime.timezone.utc), uuid.UUID('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'))


async def refused(name, sqlstate, awaitable):
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        checks.equal(name, error.sqlstate, sqlstate)
    else:
        checks.equal(name, 'no error', sqlstate)


async def types(c):
    await c.execute('DROP TABLE IF EXISTS c_asyncpg')
    await c.execute("""CREATE TABLE c_asyncpg (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, f float4, n numeric(10,3), t text,
                       v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)""")
    insert = 'INSERT INTO c_asyncpg VALUES (' + ','.join('$%d' % (i + 1) for i in range(len(ROW))) + ')'
    checks.equal('tag', await c.execute(insert, *ROW), 'INSERT 0 1')
    await c.execute(insert, 2, *[None] * (len(ROW) - 1))
    rows = await c.fetch('SELECT * FROM c_asyncpg ORDER BY id')
    for index, expected in enumerate(ROW):
        got = rows[0][index]
        # asyncpg has a UUID class of its own.
        checks.equal('column %d' % index, uuid.UUID(str(got)) if isinstance(got, uuid.UUID) else got, expected)
    checks.equal('nulls', tuple(rows[1])[1:], (None,) * (len(ROW) - 1))
    for value in ('0', '1E+10', '-0.000001', '123456789012345678901234567890.12', '0.1', '10000', 'NaN'):
        got = await c.fetchval('SELECT $1::numeric', decimal.Decimal(value))
        checks.equal('numeric ' + value, got == decimal.Decimal(value) or (got.is_nan() and value == 'NaN'), True)
    for value in (datetime.date.min, datetime.date(1999, 12, 31), datetime.date.max):
        checks.equal('date %s' % value, await c.fetchval('SELECT $1::date', value), value)
    for value in (datetime.datetime(1, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(9999, 12, 31)):
        checks.equal('timestamp %s' % value, await c.fetchval('SELECT $1::timestamp', value), value)
    for value in (float('inf'), -0.0, 1e-320):
        checks.equal('float8 %s' % value, await c.fetchval('SELECT $1::float8', value), value)
    checks.equal('a parameter takes the type of its place', await c.fetchval('SELECT id FROM c_asyncpg WHERE u = $1 AND n = $2', ROW[14], ROW[6]), 1)
    checks.equal('a parameter in arithmetic', await c.fetchval('SELECT s + $1 FROM c_asyncpg WHERE id = 1', 5), 17)


async def errors(c):
    await refused('syntax', '42601', c.fetch('SELEC 1'))
    await refused('table', '42P01', c.fetch('SELECT * FROM nosuch'))
    await refused('division', '22012', c.fetch('SELECT 1 / $1::int4', 0))
    await refused('duplicate', '23505', c.execute('INSERT INTO c_asyncpg (id) VALUES ($1)', 1))
    await refused('null', '23502', c.execute('INSERT INTO c_asyncpg (id) VALUES ($1)', None))
    await refused('untyped', '42P18', c.fetch('SELECT $1 IS NULL', None))
    await refused('length', '22001', c.execute('UPDATE c_asyncpg SET v = $1', 'much too long'))
    checks.equal('still usable', await c.fetchval('SELECT 1'), 1)
    try:
        await c.execute('INSERT INTO c_asyncpg (id) VALUES (1)')
    except asyncpg.UniqueViolationError as error:
        checks.equal('fields', (error.schema_name, error.table_name, error.constraint_name, error.detail),
                     ('public', 'c_asyncpg', 'c_asyncpg_pkey', 'Key (id)=(1) already exists.'))


async def cancels(c):
    try:
        await c.fetchval(LONG, timeout=0.3)   # the driver sends a cancel request and waits for the error
        checks.equal('deadline', 'no error', '')
    except asyncio.TimeoutError:
        checks.equal('usable after a deadline', await c.fetchval('SELECT 1'), 1)
    await c.execute("SET statement_timeout = '50ms'")
    try:
        await c.fetchval(LONG)
        checks.equal('timeout', 'no error', '57014')
    except asyncpg.QueryCanceledError as error:
        checks.equal('timeout', error.sqlstate, '57014')
    await c.execute('RESET statement_timeout')


async def serialization(c):
    """Two read what the other changes: the second is told to try again, and does."""
    await c.execute('DROP TABLE IF EXISTS c_skew_a')
    await c.execute('CREATE TABLE c_skew_a (id int4 PRIMARY KEY, n int4)')
    await c.execute('INSERT INTO c_skew_a VALUES (1, 0), (2, 0)')
    other = await asyncpg.connect(host=HOST, port=PORT, user=USER, database=DB)

    async def add(of, to, before):
        async with of.transaction(isolation='serializable'):
            total = await of.fetchval('SELECT sum(n) FROM c_skew_a')
            await before()
            await of.execute('UPDATE c_skew_a SET n = $1 WHERE id = $2', total + 1, to)

    async def nothing():
        pass
    try:
        await add(c, 1, lambda: add(other, 2, nothing))
        checks.equal('write skew', 'no error', '40001')
    except asyncpg.SerializationError as error:
        checks.equal('write skew', error.sqlstate, '40001')
        await add(c, 1, nothing)
    rows = await c.fetch('SELECT n FROM c_skew_a ORDER BY id')
    checks.equal('one after the other', [r['n'] for r in rows], [2, 1])
    await c.execute('DROP TABLE c_skew_a')
    await other.close()


async def transactions(c):
    async with c.transaction():
        await c.execute('INSERT INTO c_asyncpg (id) VALUES (10)')
    checks.equal('kept', await c.fetchval('SELECT count(*) FROM c_asyncpg WHERE id = 10'), 1)
    try:
        async with c.transaction(isolation='serializable'):
            await c.execute('DELETE FROM c_asyncpg')
            raise KeyError
    except KeyError:
        pass
    checks.equal('undone', await c.fetchval('SELECT count(*) FROM c_asyncpg'), 3)
    try:
        async with c.transaction():
            await refused('inside', '22012', c.fetch('SELECT 1 / 0'))
            await refused('spoilt', '25P02', c.fetch('SELECT 1'))
            raise KeyError
    except KeyError:
        pass
    checks.equal('usable again', await c.fetchval('SELECT 2'), 2)
    async with c.transaction():
        await c.execute('INSERT INTO c_asyncpg (id) VALUES (20)')
        try:
            async with c.transaction():   # a savepoint
                await c.execute('INSERT INTO c_asyncpg (id) VALUES (21)')
                await c.execute('INSERT INTO c_asyncpg (id) VALUES (20)')
        except asyncpg.UniqueViolationError:
            pass
        default = await c.fetchval('SHOW default_transaction_isolation')
        async with c.transaction(isolation=default.replace(' ', '_')):   # asks what the outer one has
            await c.execute('INSERT INTO c_asyncpg (id) VALUES (22)')
    checks.equal('nested', await c.fetch('SELECT id FROM c_asyncpg WHERE id BETWEEN 20 AND 29 ORDER BY id'), [(20,), (22,)])
    await c.execute('DELETE FROM c_asyncpg WHERE id BETWEEN 20 AND 29')


async def statements(c):
    prepared = await c.prepare('SELECT id, t FROM c_asyncpg WHERE id = $1')
    checks.equal('parameters', [p.name for p in prepared.get_parameters()], ['int4'])
    checks.equal('attributes', [(a.name, a.type.name) for a in prepared.get_attributes()], [('id', 'int4'), ('t', 'text')])
    for number in (1, 2, 1, 99):
        row = await prepared.fetchrow(number)
        checks.equal('row %d' % number, row and row['id'], number if number != 99 else None)
    await c.executemany('INSERT INTO c_asyncpg (id, t) VALUES ($1, $2)', [(i, 'r%d' % i) for i in range(100, 600)])
    checks.equal('executemany', await c.fetchval('SELECT count(*) FROM c_asyncpg WHERE id >= 100'), 500)
    await refused('executemany is all or nothing', '23505', c.executemany('INSERT INTO c_asyncpg (id) VALUES ($1)', [(700,), (100,)]))
    checks.equal('none of it', await c.fetchval('SELECT count(*) FROM c_asyncpg WHERE id = 700'), 0)
    async with c.transaction():
        seen = [row['id'] async for row in c.cursor('SELECT id FROM c_asyncpg WHERE id >= $1 ORDER BY id', 100, prefetch=37)]
        checks.equal('cursor', seen, list(range(100, 600)))
        cursor = await c.cursor('SELECT id FROM c_asyncpg WHERE id >= 100 ORDER BY id')
        checks.equal('fetch 3', [r['id'] for r in await cursor.fetch(3)], [100, 101, 102])
        other = await c.cursor('SELECT id FROM c_asyncpg WHERE id >= 200 ORDER BY id')
        checks.equal('a second portal', (await other.fetchrow())['id'], 200)
        checks.equal('the first goes on', (await cursor.fetchrow())['id'], 103)
    checks.equal('updated', await c.execute("UPDATE c_asyncpg SET t = 'x' WHERE id < $1", 200), 'UPDATE 103')
    checks.equal('returning', (await c.fetchrow('DELETE FROM c_asyncpg WHERE id = $1 RETURNING id, t', 100))['t'], 'x')


async def schema_changes(c):
    await c.execute('DROP TABLE IF EXISTS c_asyncpg2')
    await c.execute('CREATE TABLE c_asyncpg2 (a int4)')
    await c.execute('INSERT INTO c_asyncpg2 VALUES (1)')
    checks.equal('before', await c.fetchval('SELECT a FROM c_asyncpg2'), 1)
    await c.execute('DROP TABLE c_asyncpg2')
    await c.execute('CREATE TABLE c_asyncpg2 (a text)')
    await c.execute("INSERT INTO c_asyncpg2 VALUES ('one')")
    checks.equal('after', await c.fetchval('SELECT a FROM c_asyncpg2'), 'one')
    await c.execute('DROP TABLE c_asyncpg2; DROP TABLE c_asyncpg')


async def copies(c):
    await c.execute('DROP TABLE IF EXISTS c_asyncpg3')
    await c.execute('CREATE TABLE c_asyncpg3 (id int4 PRIMARY KEY, t text, n numeric, b bytea)')
    records = [(i, 'r%d' % i if i % 2 else None, decimal.Decimal(i) / 4, bytes([i % 256])) for i in range(5000)]
    checks.equal('records', await c.copy_records_to_table('c_asyncpg3', records=records), 'COPY 5000')
    checks.equal('and back', [tuple(r) for r in await c.fetch('SELECT * FROM c_asyncpg3 ORDER BY id')] == records, True)
    out = io.BytesIO()
    query = 'SELECT id, t FROM c_asyncpg3 WHERE id < 2 ORDER BY id'
    checks.equal('from a query', await c.copy_from_query(query, output=out, format='csv'), 'COPY 2')
    checks.equal('its csv', out.getvalue(), b'0,\n1,r1\n')
    out = io.BytesIO()
    checks.equal('from a table', await c.copy_from_table('c_asyncpg3', output=out, format='binary', columns=['id']), 'COPY 5000')
    await c.execute('TRUNCATE c_asyncpg3')
    out.seek(0)
    checks.equal('to a table', await c.copy_to_table('c_asyncpg3', source=out, format='binary', columns=['id']), 'COPY 5000')
    try:
        await c.copy_records_to_table('c_asyncpg3', records=[(9000, None, None, None), (1, None, None, None)])
        checks.equal('duplicate key', 'no error', '23505')
    except asyncpg.PostgresError as error:
        checks.equal('duplicate key', error.sqlstate, '23505')
    checks.equal('all or nothing', await c.fetchval('SELECT count(*) FROM c_asyncpg3'), 5000)
    await c.execute('DROP TABLE c_asyncpg3')


async def main():
    c = await asyncpg.connect(host=HOST, port=PORT, user=USER, database=DB)
    checks.equal('version', c.get_server_version().major, 15)
    for step in (types, errors, transactions, serialization, cancels, statements, copies, schema_changes):
        try:
            await step(c)
        except Exception as error:   # noqa: B902
            checks.equal(step.__name__, repr(error), '')
    await c.close()
    pool = await asyncpg.create_pool(host=HOST, port=PORT, user=USER, database=DB, min_size=4, max_size=4, statement_cache_size=10)
    answers = await asyncio.gather(*[pool.fetchval('SELECT %d + $1::int4' % i, i) for i in range(40)])
    checks.equal('forty at once', answers, [2 * i for i in range(40)])
    await pool.close()


asyncio.run(main())
checks.finish()
