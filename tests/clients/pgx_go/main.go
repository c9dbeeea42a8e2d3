// pgx v4: every statement prepared and cached under a name, binary in and out, batches in one pipeline, deadlines that cancel.
package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
)

var (
	passed, failed int
	background     = context.Background()
)

func check(name string, ok bool, got interface{}) {
	if ok {
		passed++
		return
	}
	failed++
	fmt.Printf("%s: got %v\n", name, got)
}

func equal(name string, got, expected interface{}) {
	check(name, fmt.Sprint(got) == fmt.Sprint(expected), fmt.Sprintf("%v, expected %v", got, expected))
}

func must(name string, err error) bool {
	check(name, err == nil, err)
	return err == nil
}

func refused(name, code string, err error) {
	if e, ok := err.(*pgconn.PgError); ok {
		equal(name, e.Code, code)
	} else {
		check(name, false, err)
	}
}

func env(name, other string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return other
}

func types(c *pgx.Conn) {
	c.Exec(background, "DROP TABLE IF EXISTS c_pgx")
	_, err := c.Exec(background, `CREATE TABLE c_pgx (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, f float4, n numeric(10,3), t text,
		v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)`)
	if !must("create", err) {
		return
	}
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	at := time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.UTC)
	tag, err := c.Exec(background, "INSERT INTO c_pgx VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15)", 1, true, 12, int64(1)<<40, 0.1,
		float32(1.5), "-12.340", "it's \\ ä€", "vc", "ch", []byte{0, 255, '\\'}, day, at, at, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
	if must("insert", err) {
		equal("tag", tag, "INSERT 0 1")
	}
	_, err = c.Exec(background, "INSERT INTO c_pgx (id, t) VALUES ($1, $2)", 2, nil)
	must("insert null", err)
	var id int32
	var s int16
	var l int64
	var b bool
	var d float64
	var f float32
	var t, v, ch string
	var n pgtype.Numeric
	var u pgtype.UUID
	var y []byte
	var dt, ts, tz time.Time
	err = c.QueryRow(background, "SELECT * FROM c_pgx WHERE id = $1", 1).Scan(&id, &b, &s, &l, &d, &f, &n, &t, &v, &ch, &y, &dt, &ts, &tz, &u)
	if must("select", err) {
		equal("values", []interface{}{id, b, s, l, d, f, t, v, ch, y},
			[]interface{}{1, true, 12, int64(1) << 40, 0.1, float32(1.5), "it's \\ ä€", "vc", "ch   ", []byte{0, 255, '\\'}})
		var number float64
		n.AssignTo(&number)
		equal("numeric", number, -12.34)
		equal("uuid", fmt.Sprintf("%x", u.Bytes), "a0eebc999c0b4ef8bb6d6bb9bd380a11")
		check("date", dt.Equal(day), dt)
		check("timestamp", ts.Equal(at), ts)
		check("timestamptz", tz.Equal(at), tz)
	}
	var null *string
	if must("null", c.QueryRow(background, "SELECT t FROM c_pgx WHERE id = $1", 2).Scan(&null)) {
		check("is null", null == nil, null)
	}
	equal("no rows", c.QueryRow(background, "SELECT t FROM c_pgx WHERE id = 99").Scan(&null), pgx.ErrNoRows)
	for _, value := range []float64{0, math.Inf(1), math.Inf(-1), 1e-300, -1.5} {
		var back float64
		if must("float8", c.QueryRow(background, "SELECT $1::float8", value).Scan(&back)) {
			equal("float8", back, value)
		}
	}
	for _, text := range []string{"0", "10000", "123456789012345678901234567890.12", "-0.000001"} {
		var number pgtype.Numeric
		number.Set(text)
		var back string
		if must("numeric "+text, c.QueryRow(background, "SELECT ($1::numeric)::text", &number).Scan(&back)) {
			equal("numeric", back, text)
		}
	}
	var infinite pgtype.Date
	if must("infinity", c.QueryRow(background, "SELECT 'infinity'::date").Scan(&infinite)) {
		equal("infinity", infinite.InfinityModifier, pgtype.Infinity)
	}
}

func errors(c *pgx.Conn) {
	exec := func(query string, arguments ...interface{}) error {
		_, err := c.Exec(background, query, arguments...)
		return err
	}
	refused("syntax", "42601", exec("SELEC 1"))
	refused("table", "42P01", exec("SELECT * FROM nosuch WHERE a = $1", 1))
	refused("division", "22012", exec("SELECT 1 / $1::int4", 0))
	refused("range", "22003", exec("SELECT ($1::int4)::int2", 70000))
	refused("duplicate", "23505", exec("INSERT INTO c_pgx (id) VALUES ($1)", 1))
	refused("null", "23502", exec("INSERT INTO c_pgx (id) VALUES ($1)", nil))
	refused("length", "22001", exec("UPDATE c_pgx SET v = $1", "much too long"))
	if e, ok := exec("SELECT nosuch FROM c_pgx").(*pgconn.PgError); ok {
		equal("position", e.Position, 8)
	}
	if e, ok := exec("INSERT INTO c_pgx (id) VALUES (1)").(*pgconn.PgError); ok {
		equal("fields", []string{e.SchemaName, e.TableName, e.ConstraintName, e.Detail},
			[]string{"public", "c_pgx", "c_pgx_pkey", "Key (id)=(1) already exists."})
	}
	must("still usable", c.Ping(background))
}

// Two read what the other changes: the second is told to try again, and does.
func serialization(c *pgx.Conn, config *pgx.ConnConfig) {
	other, err := pgx.ConnectConfig(background, config)
	if !must("second connection", err) {
		return
	}
	defer other.Close(background)
	_, err = c.Exec(background, "DROP TABLE IF EXISTS c_skew_pgx; CREATE TABLE c_skew_pgx (id int4 PRIMARY KEY, n int4); "+
		"INSERT INTO c_skew_pgx VALUES (1, 0), (2, 0)")
	must("create", err)
	add := func(of *pgx.Conn, to int, between func()) error {
		return of.BeginTxFunc(background, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			var total int
			if err := tx.QueryRow(background, "SELECT sum(n) FROM c_skew_pgx").Scan(&total); err != nil {
				return err
			}
			between()
			_, err := tx.Exec(background, "UPDATE c_skew_pgx SET n = $1 WHERE id = $2", total+1, to)
			return err
		})
	}
	nothing := func() {}
	refused("write skew", "40001", add(c, 1, func() { must("the other", add(other, 2, nothing)) }))
	must("tried again", add(c, 1, nothing))
	var first, second int
	c.QueryRow(background, "SELECT a.n, b.n FROM c_skew_pgx a, c_skew_pgx b WHERE a.id = 1 AND b.id = 2").Scan(&first, &second)
	equal("one after the other", []int{first, second}, []int{2, 1})
	_, err = c.Exec(background, "DROP TABLE c_skew_pgx")
	must("drop", err)
}

func cancels(c *pgx.Conn, config *pgx.ConnConfig) {
	const long = "SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < $1"
	var count int
	timer := time.AfterFunc(300*time.Millisecond, func() { c.PgConn().CancelRequest(background) })
	refused("canceled", "57014", c.QueryRow(background, long, 0).Scan(&count))
	timer.Stop()
	must("usable after a cancel", c.Ping(background))
	_, err := c.Exec(background, "SET statement_timeout = '50ms'")
	must("set", err)
	refused("timeout", "57014", c.QueryRow(background, long, 0).Scan(&count))
	_, err = c.Exec(background, "RESET statement_timeout")
	must("reset", err)
	other, err := pgx.ConnectConfig(background, config)
	if must("third connection", err) {
		deadline, cancel := context.WithTimeout(background, 300*time.Millisecond)
		err = other.QueryRow(deadline, long, 0).Scan(&count) // gives up and closes
		check("deadline", err != nil && other.IsClosed(), err)
		cancel()
	}
}

func transactions(c *pgx.Conn) {
	tx, err := c.BeginTx(background, pgx.TxOptions{IsoLevel: pgx.Serializable})
	if !must("begin", err) {
		return
	}
	tx.Exec(background, "INSERT INTO c_pgx (id) VALUES ($1)", 10)
	must("rollback", tx.Rollback(background))
	var count int
	c.QueryRow(background, "SELECT count(*) FROM c_pgx WHERE id = $1", 10).Scan(&count)
	equal("rolled back", count, 0)
	err = c.BeginFunc(background, func(tx pgx.Tx) error {
		_, err := tx.Exec(background, "INSERT INTO c_pgx (id) VALUES ($1)", 11)
		return err
	})
	must("commit", err)
	tag, err := c.Exec(background, "DELETE FROM c_pgx WHERE id = $1", 11)
	must("delete", err)
	equal("deleted", tag, "DELETE 1")
	tx, _ = c.Begin(background)
	tx.Exec(background, "INSERT INTO c_pgx (id) VALUES (12)")
	nested, err := tx.Begin(background) // a savepoint
	must("savepoint", err)
	_, err = nested.Exec(background, "INSERT INTO c_pgx (id) VALUES (12)")
	refused("in a savepoint", "23505", err)
	must("back to the savepoint", nested.Rollback(background))
	tag, err = tx.Exec(background, "DELETE FROM c_pgx WHERE id = 12")
	must("delete again", err)
	equal("what came before it stays", tag, "DELETE 1")
	must("commit after a savepoint", tx.Commit(background))
	tx, _ = c.Begin(background)
	_, err = tx.Exec(background, "SELECT 1 / 0")
	refused("inside", "22012", err)
	_, err = tx.Exec(background, "SELECT 1")
	refused("spoilt", "25P02", err)
	must("end", tx.Rollback(background))
}

func batches(c *pgx.Conn) {
	batch := &pgx.Batch{}
	for i := 100; i < 300; i++ {
		batch.Queue("INSERT INTO c_pgx (id, t) VALUES ($1, $2)", i, fmt.Sprint("r", i))
	}
	batch.Queue("SELECT count(*) FROM c_pgx WHERE id >= $1", 100)
	results := c.SendBatch(background, batch)
	for i := 100; i < 300; i++ {
		if _, err := results.Exec(); err != nil {
			check("batch", false, err)
			break
		}
	}
	var count int
	if must("batch count", results.QueryRow().Scan(&count)) {
		equal("count", count, 200)
	}
	must("batch end", results.Close())
	batch = &pgx.Batch{}
	batch.Queue("INSERT INTO c_pgx (id) VALUES ($1)", 900)
	batch.Queue("INSERT INTO c_pgx (id) VALUES ($1)", 900)
	batch.Queue("INSERT INTO c_pgx (id) VALUES ($1)", 901)
	refused("batch error", "23505", c.SendBatch(background, batch).Close())
	c.QueryRow(background, "SELECT count(*) FROM c_pgx WHERE id >= 900").Scan(&count)
	equal("a batch is one transaction", count, 0)
	rows, err := c.Query(background, "SELECT id, t FROM c_pgx WHERE id >= $1 ORDER BY id", 100)
	if must("rows", err) {
		expected := 100
		for rows.Next() {
			var id int
			var t string
			if rows.Scan(&id, &t) != nil || id != expected || t != fmt.Sprint("r", id) {
				break
			}
			expected++
		}
		must("rows end", rows.Err())
		equal("all rows", expected, 300)
	}
}

func protocols(c *pgx.Conn, config *pgx.ConnConfig) {
	var answer int
	if must("simple", c.QueryRow(background, "SELECT $1::int4 + 1", pgx.QuerySimpleProtocol(true), 41).Scan(&answer)) {
		equal("simple", answer, 42)
	}
	statement, err := c.Prepare(background, "named", "SELECT t FROM c_pgx WHERE id = $1 AND n < $2")
	if must("prepare", err) {
		equal("parameters", statement.ParamOIDs, []uint32{23, 1700})
		equal("field", statement.Fields[0].DataTypeOID, 25)
	}
	must("deallocate", c.Deallocate(background, "named"))
	multi := c.PgConn().Exec(background, "SELECT 1; SELECT 'two'; INSERT INTO c_pgx (id) VALUES (500)")
	results, err := multi.ReadAll()
	if must("several statements", err) {
		equal("third tag", results[2].CommandTag, "INSERT 0 1")
	}
	config.PreferSimpleProtocol = true
	simple, err := pgx.ConnectConfig(background, config)
	if must("prefer simple", err) {
		var t string
		if must("simple select", simple.QueryRow(background, "SELECT t FROM c_pgx WHERE id = $1 AND t <> $2", 100, "it's").Scan(&t)) {
			equal("simple value", t, "r100")
		}
		simple.Close(background)
	}
}

func copies(c *pgx.Conn) {
	_, err := c.Exec(background, "CREATE TABLE c_pgx_copy (id int8, t text, f float8)")
	must("create", err)
	rows := [][]interface{}{}
	for i := 0; i < 3000; i++ {
		rows = append(rows, []interface{}{int64(i), fmt.Sprint("r", i), float64(i) / 2})
	}
	count, err := c.CopyFrom(background, pgx.Identifier{"c_pgx_copy"}, []string{"id", "t", "f"}, pgx.CopyFromRows(rows))
	if must("CopyFrom", err) {
		equal("rows copied", count, int64(3000))
	}
	var sum float64
	if must("sum", c.QueryRow(background, "SELECT sum(f) FROM c_pgx_copy").Scan(&sum)) {
		equal("their sum", sum, 2249250.0)
	}
	_, err = c.Exec(background, "DROP TABLE c_pgx_copy")
	must("drop", err)
}

func main() {
	address := fmt.Sprintf("host=%s port=%s user=%s dbname=%s", env("GYRE_HOST", "localhost"), env("GYRE_PORT", "6875"),
		env("GYRE_USER", "materialize"), env("GYRE_DB", "materialize"))
	config, err := pgx.ParseConfig(address)
	if err != nil {
		panic(err)
	}
	c, err := pgx.ConnectConfig(background, config)
	if must("connect", err) {
		types(c)
		errors(c)
		transactions(c)
		serialization(c, config)
		cancels(c, config)
		batches(c)
		protocols(c, config)
		copies(c)
		_, err = c.Exec(background, "DROP TABLE c_pgx")
		must("drop", err)
		c.Close(background)
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
