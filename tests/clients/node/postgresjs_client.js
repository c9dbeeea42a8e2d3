// postgres.js: named statements for everything, pipelined, types taken from ParameterDescription; cursors; its own type lookup at start.
'use strict'
const { Readable } = require('stream')
const { pipeline } = require('stream/promises')
const postgres = require('postgres')
const { target, equal, refused, run, finish } = require('./check')

const sql = postgres({ host: target.host, port: target.port, user: target.user, database: target.database, max: 1, onnotice: () => {} })

async function types () {
  await sql`DROP TABLE IF EXISTS c_pjs`
  await sql`CREATE TABLE c_pjs (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, n numeric(10,3), t text, v varchar(10),
    c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)`
  const at = new Date(Date.UTC(2024, 1, 29, 12, 34, 56, 789))
  const inserted = await sql`INSERT INTO c_pjs VALUES (${1}, ${true}, ${12}, ${'1099511627776'}, ${0.1}, ${'-12.340'}, ${"it's \\ ä€"},
    ${'vc'}, ${'ch'}, ${Buffer.from([0, 255, 92])}, ${'2024-02-29'}, ${'2024-02-29 12:34:56.789'}, ${at},
    ${'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'})`
  equal('inserted', inserted.count, 1)
  await sql`INSERT INTO c_pjs ${sql({ id: 2, t: null, l: 5 })}`
  const [row] = await sql`SELECT * FROM c_pjs WHERE id = ${1}`
  equal('row', [row.id, row.b, row.s, row.l, row.d, row.n, row.t, row.v, row.c, row.u],
    [1, true, 12, '1099511627776', 0.1, '-12.340', "it's \\ ä€", 'vc', 'ch   ', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'])
  equal('bytea', Buffer.from(row.y), Buffer.from([0, 255, 92]))
  equal('timestamptz', row.tz, at)
  const rows = await sql`SELECT id, t FROM c_pjs WHERE id = ${2}`
  equal('null', [...rows], [{ id: 2, t: null }])
  equal('columns', rows.columns.map(c => [c.name, c.type]), [['id', 23], ['t', 25]])
}

async function errors () {
  await refused('syntax', '42601', sql`SELEC 1`)
  await refused('table', '42P01', sql`SELECT * FROM nosuch WHERE a = ${1}`)
  await refused('division', '22012', sql`SELECT 1 / ${0}::int4`)
  await refused('text', '22P02', sql`SELECT ${'x'}::text::int4`)
  await refused('duplicate', '23505', sql`INSERT INTO c_pjs (id) VALUES (${1})`)
  equal('still usable', [...await sql`SELECT 1 AS one`], [{ one: 1 }])
}

async function statements () {
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => sql`SELECT ${i}::int4 * 2 AS x`))
  equal('pipelined', answers.map(r => r[0].x), Array.from({ length: 100 }, (_, i) => 2 * i))
  const several = await sql.unsafe('SELECT 1 AS a; SELECT 2 AS b')
  equal('several statements', several.map(r => r[0]), [{ a: 1 }, { b: 2 }])
  const rows = Array.from({ length: 300 }, (_, i) => ({ id: 100 + i, t: 'r' + (100 + i) }))
  equal('helper insert', (await sql`INSERT INTO c_pjs ${sql(rows, 'id', 't')} RETURNING id`).length, 300)
  equal('in', (await sql`SELECT id FROM c_pjs WHERE id IN ${sql([100, 101, 999])} ORDER BY id`).map(r => r.id), [100, 101])
  equal('update', (await sql`UPDATE c_pjs SET ${sql({ t: 'changed' }, 't')} WHERE id = ${100}`).count, 1)
  const described = await sql`SELECT id, t FROM c_pjs WHERE id = ${1} AND n < ${2}`.describe()
  equal('describe', [described.types, described.columns.map(c => c.name)], [[23, 1700], ['id', 't']])
  equal('simple', [...await sql`SELECT 'x' AS x`.simple()], [{ x: 'x' }])
  equal('raw', (await sql`SELECT 5 AS n`.raw())[0].map(b => b.toString()), ['5'])
}

async function transactions () {
  await sql.begin(async tx => { await tx`INSERT INTO c_pjs (id) VALUES (${10})` })
  equal('committed', (await sql`SELECT count(*) FROM c_pjs WHERE id = 10`)[0].count, '1')
  await refused('inside', '22012', sql.begin(async tx => {
    await tx`DELETE FROM c_pjs`
    await tx`SELECT 1 / 0`
  }))
  equal('rolled back', (await sql`SELECT count(*) FROM c_pjs WHERE id >= 100`)[0].count, '300')
}

async function savepoints () {
  await sql.begin(async tx => {
    await tx`INSERT INTO c_pjs (id) VALUES (${20})`
    await refused('in a savepoint', '23505', tx.savepoint(async inner => {
      await inner`INSERT INTO c_pjs (id) VALUES (${21})`
      await inner`INSERT INTO c_pjs (id) VALUES (${20})`
    }))
    await tx`INSERT INTO c_pjs (id) VALUES (${22})`
  })
  equal('around it', (await sql`DELETE FROM c_pjs WHERE id BETWEEN 20 AND 29 RETURNING id`).map(r => r.id), [20, 22])
  const error = await sql`INSERT INTO c_pjs (id) VALUES (${1})`.catch(e => e)
  equal('fields', [error.name, error.schema_name, error.table_name, error.constraint_name], ['PostgresError', 'public', 'c_pjs', 'c_pjs_pkey'])
}

// Two read what the other changes: the second is told to try again, and does.
async function serialization () {
  await sql.unsafe('DROP TABLE IF EXISTS c_skew_pjs; CREATE TABLE c_skew_pjs (id int4 PRIMARY KEY, n int4); INSERT INTO c_skew_pjs VALUES (1, 0), (2, 0)')
  const other = postgres({ host: target.host, port: target.port, user: target.user, database: target.database, max: 1 })
  const add = (of, to, between) => of.begin('isolation level serializable', async tx => {
    const [{ total }] = await tx`SELECT sum(n)::int AS total FROM c_skew_pjs`
    await between()
    await tx`UPDATE c_skew_pjs SET n = ${total + 1} WHERE id = ${to}`
  })
  const nothing = async () => {}
  await refused('write skew', '40001', add(sql, 1, () => add(other, 2, nothing)))
  await add(sql, 1, nothing)
  equal('one after the other', (await sql`SELECT n FROM c_skew_pjs ORDER BY id`).map(r => r.n), [2, 1])
  await sql`DROP TABLE c_skew_pjs`
  await other.end({ timeout: 5 })
}

async function cancels () {
  const query = sql`SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < ${0}`
  setTimeout(() => query.cancel(), 300)
  await refused('canceled', '57014', query)
  await sql`SET statement_timeout = '50ms'`
  await refused('timeout', '57014', sql`SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < ${0}`)
  await sql`RESET statement_timeout`
}

async function copies () {
  await sql`CREATE TABLE c_pjs_copy (id int, t text)`
  const into = await sql`COPY c_pjs_copy FROM STDIN`.writable()
  await pipeline(Readable.from(Array.from({ length: 3000 }, (_, i) => `${i}\trow ${i}\n`)), into)
  equal('copied', [...await sql`SELECT count(*)::int AS n, sum(id)::int AS s FROM c_pjs_copy`], [{ n: 3000, s: 4498500 }])
  let text = ''
  for await (const chunk of await sql`COPY (SELECT * FROM c_pjs_copy WHERE id < 2 ORDER BY id) TO STDOUT`.readable()) text += chunk
  equal('and back', text, '0\trow 0\n1\trow 1\n')
  await sql`DROP TABLE c_pjs_copy`
}

async function cursors () {
  const seen = []
  await sql`SELECT id FROM c_pjs WHERE id >= ${100} ORDER BY id`.cursor(37, rows => { seen.push(...rows.map(r => r.id)) })
  equal('cursor', seen, Array.from({ length: 300 }, (_, i) => 100 + i))
  const each = []
  await sql`SELECT id FROM c_pjs WHERE id < 3 ORDER BY id`.forEach(row => { each.push(row.id) })
  equal('each', each, [1, 2])
  await sql`DROP TABLE c_pjs`
}

run([types, errors, statements, transactions, savepoints, serialization, cancels, copies, cursors, () => sql.end({ timeout: 5 })]).then(finish)
