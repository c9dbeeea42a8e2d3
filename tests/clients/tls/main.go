// lib/pq and pgx over TLS with a password. Prints a line for each thing tried.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
	"github.com/lib/pq"
)

func byPq(url string) (who string, err error) {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return "", err
	}
	defer db.Close()
	err = db.QueryRow("select current_user").Scan(&who)
	return
}

func byPgx(url string) (who string, err error) {
	connection, err := pgx.Connect(context.Background(), url)
	if err != nil {
		return "", err
	}
	defer connection.Close(context.Background())
	err = connection.QueryRow(context.Background(), "select current_user").Scan(&who)
	return
}

func outcome(who string, err error) string {
	var ofPq *pq.Error
	var ofPgx *pgconn.PgError
	switch {
	case err == nil:
		return who
	case errors.As(err, &ofPq):
		return string(ofPq.Code)
	case errors.As(err, &ofPgx):
		return ofPgx.Code
	case strings.Contains(err.Error(), "x509: certificate signed by unknown authority"):
		return "refused"
	}
	return err.Error()
}

func main() {
	url := func(password, ca string) string {
		return fmt.Sprintf("postgres://%s:%s@localhost:%s/materialize?sslmode=verify-full&sslrootcert=%s", os.Getenv("GYRE_TLS_USER"), password,
			os.Getenv("GYRE_TLS_PORT"), os.Getenv(ca))
	}
	names := []string{"lib/pq", "pgx"}
	for i, connect := range []func(string) (string, error){byPq, byPgx} {
		fmt.Println(names[i], "verified:", outcome(connect(url("sesame", "GYRE_TLS_CA"))))
		fmt.Println(names[i], "other authority:", outcome(connect(url("sesame", "GYRE_TLS_OTHER_CA"))))
		fmt.Println(names[i], "wrong password:", outcome(connect(url("wrong", "GYRE_TLS_CA"))))
	}
}
