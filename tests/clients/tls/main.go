// lib/pq and pgx over TLS with a password. Prints one line for each: its name and who it is.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"github.com/jackc/pgx/v4"
	_ "github.com/lib/pq"
)

func main() {
	url := os.Getenv("GYRE_TLS_URL")
	var who string
	db, err := sql.Open("postgres", url)
	if err == nil {
		err = db.QueryRow("select current_user").Scan(&who)
	}
	fmt.Println("lib/pq", who, err)
	who = ""
	connection, err := pgx.Connect(context.Background(), url)
	if err == nil {
		err = connection.QueryRow(context.Background(), "select current_user").Scan(&who)
	}
	fmt.Println("pgx", who, err)
}
