// lib/pq through database/sql: without arguments one simple message, with arguments Parse, Describe, Sync, then Bind, Execute, Sync.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/lib/pq"
)

var passed, failed int

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
	if e, ok := err.(*pq.Error); ok {
		equal(name, string(e.Code), code)
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

func types(db *sql.DB) {
	db.Exec("DROP TABLE IF EXISTS c_libpq")
	_, err := db.Exec(`CREATE TABLE c_libpq (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, n numeric(10,3), t text,
		v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)`)
	if !must("create", err) {
		return
	}
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	at := time.Date(2024, 2, 29, 12, 34, 56, 789000000, time.UTC)
	result, err := db.Exec("INSERT INTO c_libpq VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)", 1, true, 12, int64(1)<<40, 0.1,
		"-12.340", "it's \\ ä€", "vc", "ch", []byte{0, 255, '\\'}, day, at, at, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
	if must("insert", err) {
		count, _ := result.RowsAffected()
		equal("rows affected", count, 1)
	}
	_, err = db.Exec("INSERT INTO c_libpq (id, t) VALUES ($1, $2)", 2, nil)
	must("insert null", err)
	for _, query := range []string{"SELECT * FROM c_libpq WHERE id = 1", "SELECT * FROM c_libpq WHERE id = $1"} {
		arguments := []interface{}{}
		if query[len(query)-1] == '1' && query[len(query)-2] == '$' {
			arguments = append(arguments, 1)
		}
		var id, s int
		var l int64
		var b bool
		var d float64
		var n, t, v, c, u string
		var y []byte
		var dt, ts, tz time.Time
		err = db.QueryRow(query, arguments...).Scan(&id, &b, &s, &l, &d, &n, &t, &v, &c, &y, &dt, &ts, &tz, &u)
		if must(query, err) {
			equal("values", []interface{}{id, b, s, l, d, n, t, v, c, y, u},
				[]interface{}{1, true, 12, int64(1) << 40, 0.1, "-12.340", "it's \\ ä€", "vc", "ch   ", []byte{0, 255, '\\'},
					"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"})
			check("date", dt.Equal(day), dt)
			check("timestamp", ts.Equal(at), ts)
			check("timestamptz", tz.Equal(at), tz)
		}
	}
	var null sql.NullString
	if must("null", db.QueryRow("SELECT t FROM c_libpq WHERE id = $1", 2).Scan(&null)) {
		check("is null", !null.Valid, null)
	}
	equal("no rows", db.QueryRow("SELECT t FROM c_libpq WHERE id = $1", 99).Scan(&null), sql.ErrNoRows)
	rows, err := db.Query("SELECT * FROM c_libpq WHERE id = $1", 1)
	if must("column types", err) {
		described, _ := rows.ColumnTypes()
		names := ""
		for _, column := range described {
			names += column.DatabaseTypeName() + " "
		}
		equal("type names", names, "INT4 BOOL INT2 INT8 FLOAT8 NUMERIC TEXT VARCHAR BPCHAR BYTEA DATE TIMESTAMP TIMESTAMPTZ UUID ")
		precision, scale, _ := described[5].DecimalSize()
		equal("numeric(10,3)", []int64{precision, scale}, []int64{10, 3})
		rows.Close()
	}
}

func errors(db *sql.DB) {
	exec := func(query string, arguments ...interface{}) error {
		_, err := db.Exec(query, arguments...)
		return err
	}
	refused("syntax", "42601", exec("SELEC 1"))
	refused("syntax, prepared", "42601", exec("SELEC $1", 1))
	refused("table", "42P01", exec("SELECT * FROM nosuch"))
	refused("column", "42703", exec("SELECT nosuch FROM c_libpq WHERE id = $1", 1))
	refused("division", "22012", exec("SELECT 1 / $1::int4", 0))
	refused("text", "22P02", exec("SELECT $1::int4", "x"))
	refused("duplicate", "23505", exec("INSERT INTO c_libpq (id) VALUES ($1)", 1))
	refused("null", "23502", exec("INSERT INTO c_libpq (id) VALUES ($1)", nil))
	err := exec("INSERT INTO c_libpq (id) VALUES (1)")
	if e, ok := err.(*pq.Error); ok {
		equal("detail", e.Detail, "Key (id)=(1) already exists.")
		equal("fields", []string{e.Schema, e.Table, e.Constraint, e.Code.Name()}, []string{"public", "c_libpq", "c_libpq_pkey", "unique_violation"})
	} else {
		check("duplicate", false, err)
	}
	must("still usable", db.Ping())
}

func transactions(db *sql.DB) {
	tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if !must("begin", err) {
		return
	}
	tx.Exec("INSERT INTO c_libpq (id) VALUES ($1)", 10)
	must("rollback", tx.Rollback())
	var count int
	db.QueryRow("SELECT count(*) FROM c_libpq WHERE id = 10").Scan(&count)
	equal("rolled back", count, 0)
	tx, _ = db.Begin()
	statement, err := tx.Prepare("INSERT INTO c_libpq (id, t) VALUES ($1, $2)")
	if must("prepare", err) {
		for i := 100; i < 200; i++ {
			if _, err = statement.Exec(i, fmt.Sprint("r", i)); err != nil {
				break
			}
		}
		must("prepared inserts", err)
		must("close", statement.Close())
	}
	must("commit", tx.Commit())
	db.QueryRow("SELECT count(*) FROM c_libpq WHERE id >= $1", 100).Scan(&count)
	equal("committed", count, 100)
	tx, _ = db.Begin()
	_, err = tx.Exec("SELECT 1 / 0")
	refused("inside", "22012", err)
	_, err = tx.Exec("SELECT 1")
	refused("spoilt", "25P02", err)
	tx.Rollback()
}

func savepoints(db *sql.DB) {
	tx, err := db.Begin()
	if !must("begin", err) {
		return
	}
	tx.Exec("INSERT INTO c_libpq (id) VALUES (20)")
	tx.Exec("SAVEPOINT one")
	_, err = tx.Exec("INSERT INTO c_libpq (id) VALUES ($1)", 20)
	refused("in a savepoint", "23505", err)
	_, err = tx.Exec("ROLLBACK TO one")
	must("back to the savepoint", err)
	_, err = tx.Exec("INSERT INTO c_libpq (id) VALUES (21)")
	must("after it", err)
	must("commit", tx.Commit())
	result, err := db.Exec("DELETE FROM c_libpq WHERE id IN (20, 21)")
	if must("delete", err) {
		count, _ := result.RowsAffected()
		equal("both are there", count, 2)
	}
}

// Two read what the other changes: the second is told to try again, and does.
func serialization(db *sql.DB) {
	for _, query := range []string{"DROP TABLE IF EXISTS c_skew_pq", "CREATE TABLE c_skew_pq (id int4 PRIMARY KEY, n int4)",
		"INSERT INTO c_skew_pq VALUES (1, 0), (2, 0)"} {
		_, err := db.Exec(query)
		must(query, err)
	}
	add := func(to int, between func()) error {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: sql.LevelSerializable})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		var total int
		if err = tx.QueryRow("SELECT sum(n) FROM c_skew_pq").Scan(&total); err != nil {
			return err
		}
		between()
		if _, err = tx.Exec("UPDATE c_skew_pq SET n = $1 WHERE id = $2", total+1, to); err != nil {
			return err
		}
		return tx.Commit()
	}
	nothing := func() {}
	err := add(1, func() { must("the other", add(2, nothing)) })
	refused("write skew", "40001", err)
	if e, ok := err.(*pq.Error); ok {
		equal("its name", e.Code.Name(), "serialization_failure")
	}
	must("tried again", add(1, nothing))
	var first, second int
	db.QueryRow("SELECT a.n, b.n FROM c_skew_pq a, c_skew_pq b WHERE a.id = 1 AND b.id = 2").Scan(&first, &second)
	equal("one after the other", []int{first, second}, []int{2, 1})
	_, err = db.Exec("DROP TABLE c_skew_pq")
	must("drop", err)
}

const long = "SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < $1"

func cancels(db *sql.DB) {
	deadline, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	var count int
	err := db.QueryRowContext(deadline, long, 0).Scan(&count) // the driver sends a cancel request
	refused("deadline", "57014", err)
	tx, _ := db.Begin()
	tx.Exec("SET LOCAL statement_timeout = '50ms'")
	refused("timeout", "57014", tx.QueryRow(long, 0).Scan(&count))
	tx.Rollback()
	must("still usable", db.Ping())
}

func copies(db *sql.DB) {
	tx, err := db.Begin()
	if !must("begin", err) {
		return
	}
	statement, err := tx.Prepare(pq.CopyIn("c_libpq", "id", "t"))
	if must("copy in", err) {
		for i := 1000; i < 4000; i++ {
			statement.Exec(i, fmt.Sprintf("tab\t%d", i))
		}
		_, err = statement.Exec()
		must("copied", err)
		must("close", statement.Close())
	}
	must("commit", tx.Commit())
	var count, sum int
	db.QueryRow("SELECT count(*), sum(length(t)) FROM c_libpq WHERE id >= 1000").Scan(&count, &sum)
	equal("rows copied", []int{count, sum}, []int{3000, 24000})
}

func rows(db *sql.DB) {
	result, err := db.Query("SELECT id, t FROM c_libpq WHERE id >= $1 ORDER BY id", 100)
	if must("query", err) {
		expected := 100
		for result.Next() {
			var id int
			var t string
			result.Scan(&id, &t)
			if id != expected || t != fmt.Sprint("r", id) {
				break
			}
			expected++
		}
		must("rows", result.Err())
		equal("all rows", expected, 200)
	}
	result, err = db.Query("SELECT 1; SELECT 'two'")
	if must("two statements", err) {
		var one int
		var two string
		result.Next()
		result.Scan(&one)
		check("one row", !result.Next(), one)
		result.NextResultSet()
		result.Next()
		result.Scan(&two)
		equal("two results", []interface{}{one, two}, []interface{}{1, "two"})
		result.Close()
	}
	var group sync.WaitGroup
	answers := make([]int, 64)
	for i := range answers {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			db.QueryRow("SELECT $1::int4 * 2", i).Scan(&answers[i])
		}(i)
	}
	group.Wait()
	for i, answer := range answers {
		if answer != 2*i {
			check("concurrent", false, answer)
			return
		}
	}
	check("concurrent", true, nil)
}

func main() {
	address := fmt.Sprintf("host=%s port=%s user=%s dbname=%s sslmode=disable", env("GYRE_HOST", "localhost"), env("GYRE_PORT", "6875"),
		env("GYRE_USER", "materialize"), env("GYRE_DB", "materialize"))
	for _, more := range []string{"", " binary_parameters=yes"} {
		db, err := sql.Open("postgres", address+more)
		if err != nil {
			panic(err)
		}
		db.SetMaxOpenConns(16)
		must("ping", db.Ping())
		types(db)
		errors(db)
		transactions(db)
		savepoints(db)
		serialization(db)
		cancels(db)
		rows(db)
		copies(db)
		_, err = db.Exec("DROP TABLE c_libpq")
		must("drop", err)
		db.Close()
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
