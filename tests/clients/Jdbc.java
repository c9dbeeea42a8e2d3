// pgjdbc: extended protocol, statements named after five uses, binary transfer then, fetch sizes as row-limited portals, batches.

import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Objects;
import java.util.Properties;
import java.util.UUID;

public class Jdbc {
    static int passed, failed;

    interface Action { void run() throws Exception; }

    static void equal(String name, Object got, Object expected) {
        if (Objects.deepEquals(got, expected)) {
            passed++;
        } else {
            failed++;
            System.out.println(name + ": expected " + expected + ", got " + got);
        }
    }

    static void refused(String name, String state, Action action) {
        try {
            action.run();
            equal(name, "no error", state);
        } catch (SQLException error) {
            equal(name, error.getSQLState(), state);
        } catch (Exception error) {
            equal(name, error.toString(), state);
        }
    }

    static void step(String name, Action action) {
        try {
            action.run();
        } catch (Exception error) {
            failed++;
            System.out.println(name + ": " + error);
        }
    }

    static String env(String name, String other) {
        String value = System.getenv(name);
        return value == null || value.isEmpty() ? other : value;
    }

    static Connection connect(String... more) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", env("GYRE_USER", "materialize"));
        for (int i = 0; i < more.length; i += 2) {
            properties.setProperty(more[i], more[i + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + env("GYRE_HOST", "localhost") + ":" + env("GYRE_PORT", "6875") + "/"
            + env("GYRE_DB", "materialize"), properties);
    }

    static Object one(Connection c, String sql, Object... values) throws SQLException {
        try (PreparedStatement s = c.prepareStatement(sql)) {
            for (int i = 0; i < values.length; i++) {
                s.setObject(i + 1, values[i]);
            }
            try (ResultSet r = s.executeQuery()) {
                return r.next() ? r.getObject(1) : "no row";
            }
        }
    }

    static void types(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE IF EXISTS c_jdbc");
            s.execute("CREATE TABLE c_jdbc (id int4 PRIMARY KEY, b bool, s int2, l int8, d float8, f float4, n numeric(10,3), t text, "
                + "v varchar(10), c char(5), y bytea, dt date, ts timestamp, tz timestamptz, u uuid)");
        }
        byte[] bytes = {0, (byte) 255, '\\'};
        UUID uuid = UUID.fromString("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
        LocalDateTime at = LocalDateTime.of(2024, 2, 29, 12, 34, 56, 789000000);
        try (PreparedStatement s = c.prepareStatement("INSERT INTO c_jdbc VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")) {
            for (int id = 1; id <= 12; id++) {   // named, and binary, from the fifth on
                s.setInt(1, id);
                s.setBoolean(2, true);
                s.setShort(3, (short) 12);
                s.setLong(4, 1L << 40);
                s.setDouble(5, 0.1);
                s.setFloat(6, 1.5f);
                s.setBigDecimal(7, new BigDecimal("-12.340"));
                s.setString(8, "it's \\ ä€");
                s.setString(9, "vc");
                s.setString(10, "ch");
                s.setBytes(11, bytes);
                s.setObject(12, LocalDate.of(2024, 2, 29));
                s.setObject(13, at);
                s.setObject(14, at.atOffset(ZoneOffset.UTC));
                s.setObject(15, uuid);
                equal("inserted", s.executeUpdate(), 1);
            }
        }
        try (PreparedStatement s = c.prepareStatement("INSERT INTO c_jdbc (id, t, l, dt) VALUES (?, ?, ?, ?)")) {
            s.setInt(1, 20);
            s.setNull(2, Types.VARCHAR);
            s.setNull(3, Types.BIGINT);
            s.setNull(4, Types.DATE);
            s.executeUpdate();
        }
        try (PreparedStatement s = c.prepareStatement("SELECT * FROM c_jdbc WHERE id = ?")) {
            for (int id = 1; id <= 12; id++) {
                s.setInt(1, id);
                try (ResultSet r = s.executeQuery()) {
                    r.next();
                    equal("row " + id, Arrays.asList(r.getInt(1), r.getBoolean(2), r.getShort(3), r.getLong(4), r.getDouble(5), r.getFloat(6),
                            r.getBigDecimal(7), r.getString(8), r.getString(9), r.getString(10)),
                        Arrays.asList(id, true, (short) 12, 1L << 40, 0.1, 1.5f, new BigDecimal("-12.340"), "it's \\ ä€", "vc", "ch   "));
                    equal("bytes", r.getBytes(11), bytes);
                    equal("date", r.getObject(12, LocalDate.class), LocalDate.of(2024, 2, 29));
                    equal("timestamp", r.getObject(13, LocalDateTime.class), at);
                    equal("timestamptz", r.getObject(14, OffsetDateTime.class).toInstant(), at.atOffset(ZoneOffset.UTC).toInstant());
                    equal("uuid", r.getObject(15), uuid);
                }
            }
            s.setInt(1, 20);
            try (ResultSet r = s.executeQuery()) {
                r.next();
                r.getString("t");
                equal("null", r.wasNull(), true);
                ResultSetMetaData meta = r.getMetaData();
                StringBuilder names = new StringBuilder();
                for (int i = 1; i <= meta.getColumnCount(); i++) {
                    names.append(meta.getColumnTypeName(i)).append(' ');
                }
                equal("types", names.toString(), "int4 bool int2 int8 float8 float4 numeric text varchar bpchar bytea date timestamp timestamptz uuid ");
                equal("precision", meta.getPrecision(7) + "," + meta.getScale(7), "10,3");
                equal("label", meta.getColumnLabel(8), "t");
            }
        }
        equal("any type", one(c, "SELECT ?::text", 5), "5");
        equal("in an expression", one(c, "SELECT ? + 1", 41), 42);
        equal("long", one(c, "SELECT l FROM c_jdbc WHERE u = ? AND id = 1", uuid), 1L << 40);
    }

    static void errors(Connection c) throws Exception {
        refused("syntax", "42601", () -> one(c, "SELEC 1"));
        refused("table", "42P01", () -> one(c, "SELECT * FROM nosuch"));
        refused("division", "22012", () -> one(c, "SELECT 1 / ?", 0));
        refused("text", "22P02", () -> one(c, "SELECT ?::int4", "x"));
        refused("duplicate", "23505", () -> one(c, "INSERT INTO c_jdbc (id) VALUES (?) RETURNING id", 1));
        refused("range", "22003", () -> one(c, "SELECT ?::int2", 70000));
        try {
            one(c, "INSERT INTO c_jdbc (id) VALUES (1)");
        } catch (SQLException error) {
            equal("detail", error.getMessage(), "ERROR: duplicate key value violates unique constraint \"c_jdbc_pkey\"\n  Detail: Key (id)=(1) already exists.");
        }
        try {
            one(c, "INSERT INTO c_jdbc (id) VALUES (1)");
        } catch (org.postgresql.util.PSQLException error) {
            org.postgresql.util.ServerErrorMessage fields = error.getServerErrorMessage();
            equal("fields", Arrays.asList(fields.getSchema(), fields.getTable(), fields.getConstraint()),
                Arrays.asList("public", "c_jdbc", "c_jdbc_pkey"));
        }
        equal("valid", c.isValid(5), true);
    }

    // Two read what the other changes: the second is told to try again, and does.
    static void serialization(Connection c) throws Exception {
        try (Statement s = c.createStatement()) {
            s.execute("DROP TABLE IF EXISTS c_skew_jdbc");
            s.execute("CREATE TABLE c_skew_jdbc (id int4 PRIMARY KEY, n int4)");
            s.execute("INSERT INTO c_skew_jdbc VALUES (1, 0), (2, 0)");
        }
        try (Connection other = connect()) {
            for (Connection one : Arrays.asList(c, other)) {
                one.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
                one.setAutoCommit(false);
            }
            Object total = one(c, "SELECT sum(n) FROM c_skew_jdbc");
            one(other, "SELECT sum(n) FROM c_skew_jdbc");
            one(other, "UPDATE c_skew_jdbc SET n = 1 WHERE id = 2 RETURNING id");
            other.commit();
            equal("read before", total, 0L);
            refused("write skew", "40001", () -> {
                one(c, "UPDATE c_skew_jdbc SET n = 1 WHERE id = 1 RETURNING id");
                c.commit();
            });
            c.rollback();
            total = one(c, "SELECT sum(n) FROM c_skew_jdbc");
            one(c, "UPDATE c_skew_jdbc SET n = ? WHERE id = 1 RETURNING id", (int) (long) (Long) total + 1);
            c.commit();
            equal("one after the other", one(c, "SELECT n FROM c_skew_jdbc WHERE id = 1"), 2);
            c.commit();
            c.setAutoCommit(true);
        }
        c.createStatement().execute("DROP TABLE c_skew_jdbc");
    }

    static void cancels(Connection c) throws Exception {
        String query = "SELECT count(*) FROM generate_series(1, 2000000000) AS g WHERE g < 0";
        try (Statement s = c.createStatement()) {
            Thread canceler = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    s.cancel();
                } catch (Exception error) {
                    System.out.println("cancel: " + error);
                }
            });
            canceler.start();
            refused("canceled", "57014", () -> s.executeQuery(query));
            canceler.join();
            s.setQueryTimeout(1);
            refused("query timeout", "57014", () -> s.executeQuery(query));
            s.setQueryTimeout(0);
            s.execute("SET statement_timeout = '50ms'");
            refused("statement_timeout", "57014", () -> s.executeQuery(query));
            s.execute("RESET statement_timeout");
        }
        equal("usable afterwards", one(c, "SELECT 1"), 1);
    }

    static void transactions(Connection c) throws Exception {
        c.setAutoCommit(false);
        one(c, "INSERT INTO c_jdbc (id) VALUES (100) RETURNING id");
        c.rollback();
        equal("rolled back", one(c, "SELECT count(*) FROM c_jdbc WHERE id = 100"), 0L);
        one(c, "INSERT INTO c_jdbc (id) VALUES (101) RETURNING id");
        c.commit();
        equal("committed", one(c, "SELECT count(*) FROM c_jdbc WHERE id = 101"), 1L);
        refused("inside", "22012", () -> one(c, "SELECT 1 / 0"));
        refused("spoilt", "25P02", () -> one(c, "SELECT 1"));
        c.rollback();
        one(c, "INSERT INTO c_jdbc (id) VALUES (102) RETURNING id");
        Savepoint savepoint = c.setSavepoint("mine");
        one(c, "INSERT INTO c_jdbc (id) VALUES (103) RETURNING id");
        refused("in a savepoint", "23505", () -> one(c, "INSERT INTO c_jdbc (id) VALUES (102) RETURNING id"));
        c.rollback(savepoint);
        c.releaseSavepoint(c.setSavepoint());
        c.commit();
        equal("savepoint", one(c, "SELECT count(*) FROM c_jdbc WHERE id IN (102, 103)"), 1L);
        one(c, "DELETE FROM c_jdbc WHERE id = 102 RETURNING id");
        c.commit();
        c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        equal("isolation", c.getTransactionIsolation(), Connection.TRANSACTION_SERIALIZABLE);
        c.rollback();
        c.setAutoCommit(true);
    }

    static void batches(Connection c) throws Exception {
        try (PreparedStatement s = c.prepareStatement("INSERT INTO c_jdbc (id, t) VALUES (?, ?)")) {
            for (int i = 1000; i < 1500; i++) {
                s.setInt(1, i);
                s.setString(2, "r" + i);
                s.addBatch();
            }
            equal("batch", Arrays.stream(s.executeBatch()).sum(), 500);
        }
        try (Statement s = c.createStatement()) {
            s.addBatch("UPDATE c_jdbc SET s = 1 WHERE id = 1000");
            s.addBatch("DELETE FROM c_jdbc WHERE id IN (1001, 1002)");
            equal("mixed batch", s.executeBatch(), new int[] {1, 2});
            equal("first of several", s.execute("SELECT 1; SELECT 2"), true);
            equal("second of several", s.getMoreResults(), true);
        }
        try (PreparedStatement s = c.prepareStatement("INSERT INTO c_jdbc (id) VALUES (?)", Statement.RETURN_GENERATED_KEYS)) {
            s.setInt(1, 5000);
            s.executeUpdate();
            ResultSet keys = s.getGeneratedKeys();
            keys.next();
            equal("generated keys", keys.getInt("id"), 5000);
        }
    }

    static void portals(Connection c) throws Exception {
        c.setAutoCommit(false);
        try (PreparedStatement s = c.prepareStatement("SELECT id FROM c_jdbc WHERE id >= ? AND id < 5000 ORDER BY id");
             PreparedStatement other = c.prepareStatement("SELECT id FROM c_jdbc ORDER BY id DESC")) {
            s.setFetchSize(50);
            other.setFetchSize(7);
            s.setInt(1, 1003);
            int expected = 1003;
            try (ResultSet r = s.executeQuery(); ResultSet q = other.executeQuery()) {
                boolean same = true;
                while (r.next()) {
                    same &= r.getInt(1) == expected++;
                    same &= q.next();
                }
                equal("two portals", same, true);
            }
            equal("all rows", expected, 1500);
            s.setMaxRows(10);
            s.setFetchSize(0);
            int count = 0;
            try (ResultSet r = s.executeQuery()) {
                while (r.next()) {
                    count++;
                }
            }
            equal("maxRows", count, 10);
        }
        c.commit();
        c.setAutoCommit(true);
    }

    static void simple() throws Exception {
        try (Connection c = connect("preferQueryMode", "simple")) {
            equal("simple mode", one(c, "SELECT t FROM c_jdbc WHERE id = ? AND t <> ?", 1000, "it's"), "r1000");
        }
        try (Connection c = connect("reWriteBatchedInserts", "true", "ApplicationName", "rewrite")) {
            PreparedStatement s = c.prepareStatement("INSERT INTO c_jdbc (id, t) VALUES (?, ?)");
            for (int i = 6000; i < 6100; i++) {
                s.setInt(1, i);
                s.setString(2, "x");
                s.addBatch();
            }
            s.executeBatch();
            equal("rewritten batch", one(c, "SELECT count(*) FROM c_jdbc WHERE id >= 6000"), 100L);
            equal("application name", one(c, "SHOW application_name"), "rewrite");
        }
    }

    static void copies(Connection c) throws Exception {
        c.createStatement().execute("CREATE TABLE c_jdbc_copy (id int, t text)");
        org.postgresql.copy.CopyManager manager = c.unwrap(org.postgresql.PGConnection.class).getCopyAPI();
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < 3000; i++) {
            text.append(i).append(",\"row, ").append(i).append("\"\n");
        }
        equal("copy in", manager.copyIn("COPY c_jdbc_copy FROM STDIN WITH CSV", new java.io.StringReader(text.toString())), 3000L);
        java.io.StringWriter out = new java.io.StringWriter();
        equal("copy out", manager.copyOut("COPY (SELECT * FROM c_jdbc_copy WHERE id < 2 ORDER BY id) TO STDOUT", out), 2L);
        equal("what came out", out.toString(), "0\trow, 0\n1\trow, 1\n");
        org.postgresql.copy.CopyIn given = manager.copyIn("COPY c_jdbc_copy FROM STDIN");
        given.writeToCopy("1\tx\n".getBytes(), 0, 4);
        given.cancelCopy();
        equal("a copy given up", one(c, "SELECT count(*) FROM c_jdbc_copy"), 3000L);
        c.createStatement().execute("DROP TABLE c_jdbc_copy");
    }

    public static void main(String[] arguments) throws Exception {
        try (Connection c = connect()) {
            equal("version", c.getMetaData().getDatabaseMajorVersion(), 15);
            step("types", () -> types(c));
            step("errors", () -> errors(c));
            step("transactions", () -> transactions(c));
            step("serialization", () -> serialization(c));
            step("cancels", () -> cancels(c));
            step("batches", () -> batches(c));
            step("portals", () -> portals(c));
            step("simple", () -> simple());
            step("copies", () -> copies(c));
            step("drop", () -> c.createStatement().execute("DROP TABLE c_jdbc"));
        }
        System.out.println(passed + " passed, " + failed + " failed");
        System.exit(failed > 0 ? 1 : 0);
    }
}
