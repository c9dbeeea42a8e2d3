// node pg: Parse, Bind, Describe, Execute, Sync with text values; named statements; pg-cursor's row-limited portals; a pool.
'use strict'
const { Client, Pool } = require('pg')
const Cursor = require('pg-cursor')
const { target, equal, refused, run, finish } = require('./check')

const client = new Client(target)

async function types () {
  await client.query('DROP TABLE IF EXISTS c_pg')
  await client.query(`CREATE TABLE c_pg (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, n numeric(10,3), t text, v varchar(10),
    c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)`)
  const at = new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 789))
  const inserted = await client.query('INSERT INTO c_pg VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)',
    [1, true, 12, '1099511627776', 0.1, '-12.340', "it's \\ ä€", 'vc', 'ch', Buffer.from([0, 255, 92]), '2024-02-29',
      '2024-02-29 12:34:56.789', at, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'])
  equal('insert', [inserted.command, inserted.rowCount], ['INSERT', 1])
  await client.query('INSERT INTO c_pg (id, t) VALUES ($1, $2)', [2, null])
  for (const query of [{ text: 'SELECT * FROM c_pg WHERE id = $1', values: [1] }, 'SELECT * FROM c_pg WHERE id = 1']) {
    const { rows: [row], fields } = await client.query(query)
    equal('row', [row.id, row.b, row.s, row.l, row.d, row.n, row.t, row.v, row.c, row.u],
      [1, true, 12, '1099511627776', 0.1, '-12.340', "it's \\ ä€", 'vc', 'ch   ', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'])
    equal('bytea', row.y, Buffer.from([0, 255, 92]))
    equal('timestamptz', row.tz, at)
    equal('oids', fields.map(f => f.dataTypeID), [23, 16, 21, 20, 701, 1700, 25, 1043, 1042, 17, 1082, 1114, 1184, 2950])
  }
  equal('null', (await client.query('SELECT t FROM c_pg WHERE id = 2')).rows, [{ t: null }])
  const array = await client.query({ text: 'SELECT id, t FROM c_pg ORDER BY id', rowMode: 'array' })
  equal('array rows', array.rows, [[1, "it's \\ ä€"], [2, null]])
  const binary = await client.query({ text: 'SELECT $1::int4 AS a, $2::bool AS b', values: [7, true], binary: true })
  equal('binary result', binary.rows, [{ a: 7, b: true }])
}

async function errors () {
  await refused('syntax', '42601', client.query('SELEC 1'))
  await refused('syntax, extended', '42601', client.query('SELEC $1', [1]))
  await refused('table', '42P01', client.query('SELECT * FROM nosuch'))
  await refused('division', '22012', client.query('SELECT 1 / $1::int4', [0]))
  await refused('text', '22P02', client.query('SELECT $1::int4', ['x']))
  await refused('duplicate', '23505', client.query('INSERT INTO c_pg (id) VALUES ($1)', [1]))
  await refused('null', '23502', client.query('INSERT INTO c_pg (id) VALUES ($1)', [null]))
  const error = await client.query('INSERT INTO c_pg (id) VALUES (1)').catch(e => e)
  equal('fields', [error.severity, error.detail, error.table, error.constraint],
    ['ERROR', 'Key (id)=(1) already exists.', 'c_pg', 'c_pg_pkey'])
  equal('position', (await client.query('SELECT nosuch FROM c_pg').catch(e => e)).position, '8')
}

async function statements () {
  for (const id of [1, 2, 99]) {
    const { rowCount } = await client.query({ name: 'by-id', text: 'SELECT * FROM c_pg WHERE id = $1', values: [id] })
    equal('named ' + id, rowCount, id === 99 ? 0 : 1)
  }
  const several = await client.query("SELECT 1 AS a; SELECT 'two' AS b; UPDATE c_pg SET s = 1")
  equal('several statements', several.map(r => r.command + r.rowCount), ['SELECT1', 'SELECT1', 'UPDATE2'])
  equal('empty', (await client.query('')).rows, [])
  const queued = await Promise.all(Array.from({ length: 50 }, (_, i) => client.query('SELECT $1::int4 * 2 AS x', [i])))
  equal('queued', queued.map(r => r.rows[0].x), Array.from({ length: 50 }, (_, i) => 2 * i))
}

async function transactions () {
  await client.query('BEGIN')
  await client.query('INSERT INTO c_pg (id) VALUES ($1)', [10])
  await client.query('ROLLBACK')
  equal('rolled back', (await client.query('SELECT count(*) FROM c_pg WHERE id = 10')).rows, [{ count: '0' }])
  await client.query('BEGIN')
  await refused('inside', '22012', client.query('SELECT 1 / 0'))
  await refused('spoilt', '25P02', client.query('SELECT 1'))
  await client.query('ROLLBACK')
}

async function savepoints () {
  await client.query('BEGIN')
  await client.query('INSERT INTO c_pg (id) VALUES (20)')
  await client.query('SAVEPOINT one')
  await refused('in a savepoint', '23505', client.query('INSERT INTO c_pg (id) VALUES ($1)', [20]))
  await client.query('ROLLBACK TO one')
  await client.query('INSERT INTO c_pg (id) VALUES (21)')
  await client.query('COMMIT')
  equal('both are there', (await client.query('DELETE FROM c_pg WHERE id IN (20, 21)')).rowCount, 2)
}

// Two read what the other changes: the second is told to try again, and does.
async function serialization () {
  await client.query('DROP TABLE IF EXISTS c_skew_pg; CREATE TABLE c_skew_pg (id int4 PRIMARY KEY, n int4); INSERT INTO c_skew_pg VALUES (1, 0), (2, 0)')
  const other = new Client(target)
  await other.connect()
  const add = async (of, to, between) => {
    try {
      await of.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
      const total = Number((await of.query('SELECT sum(n) FROM c_skew_pg')).rows[0].sum)
      await between()
      await of.query('UPDATE c_skew_pg SET n = $1 WHERE id = $2', [total + 1, to])
      await of.query('COMMIT')
    } catch (error) {
      await of.query('ROLLBACK')
      throw error
    }
  }
  const nothing = async () => {}
  await refused('write skew', '40001', add(client, 1, () => add(other, 2, nothing)))
  await add(client, 1, nothing)
  equal('one after the other', (await client.query('SELECT n FROM c_skew_pg ORDER BY id')).rows, [{ n: 2 }, { n: 1 }])
  await client.query('DROP TABLE c_skew_pg')
  await other.end()
}

async function cancels () {
  const other = new Client({ ...target, statement_timeout: 50 })
  await other.connect()
  const long = 'SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < $1'
  await refused('timeout', '57014', other.query(long, [0]))
  await other.query('SET statement_timeout = 0')
  const canceled = refused('canceled', '57014', other.query(long, [0]))
  // The driver's own cancel: a second connection with the first one's key.
  setTimeout(() => new Client(target).cancel(other, other.activeQuery || other._activeQuery), 300)
  await canceled
  equal('usable afterwards', (await other.query('SELECT 1 AS one')).rows, [{ one: 1 }])
  await other.end()
}

async function cursors () {
  for (let start = 100; start < 600; start += 100) {
    const values = Array.from({ length: 100 }, (_, i) => `(${start + i}, 'r${start + i}')`).join(',')
    await client.query('INSERT INTO c_pg (id, t) VALUES ' + values)
  }
  const cursor = client.query(new Cursor('SELECT id FROM c_pg WHERE id >= $1 ORDER BY id', [100]))
  let expected = 100
  for (;;) {
    const rows = await cursor.read(33)
    if (rows.length === 0) break
    for (const row of rows) if (row.id === expected) expected++
  }
  equal('cursor', expected, 600)
  await cursor.close()
  const early = client.query(new Cursor('SELECT id FROM c_pg WHERE id >= 100 ORDER BY id'))
  equal('first rows', (await early.read(2)).map(r => r.id), [100, 101])
  await early.close()
  equal('after an early close', (await client.query('SELECT 1 AS one')).rows, [{ one: 1 }])
}

async function pool () {
  const pool = new Pool({ ...target, max: 8 })
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => pool.query('SELECT t FROM c_pg WHERE id = $1', [100 + i])))
  equal('pool', answers.map(r => r.rows[0].t), Array.from({ length: 100 }, (_, i) => 'r' + (100 + i)))
  await pool.end()
}

async function settings () {
  const notices = []
  client.on('notice', n => notices.push(n.message))
  await client.query('DROP TABLE IF EXISTS c_nosuch')
  equal('notice', notices, ['table "c_nosuch" does not exist, skipping'])
  const named = new Client({ ...target, application_name: 'named', statement_timeout: 5000 })
  await named.connect()
  equal('application_name', (await named.query('SHOW application_name')).rows, [{ application_name: 'named' }])
  equal('statement_timeout', (await named.query('SHOW statement_timeout')).rows, [{ statement_timeout: '5s' }])
  await named.end()
  await client.query('DROP TABLE c_pg')
}

run([() => client.connect(), types, errors, statements, transactions, savepoints, serialization, cancels, cursors, pool, settings, () => client.end()]).then(finish)
