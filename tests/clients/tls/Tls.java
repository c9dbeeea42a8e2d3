// pgjdbc over TLS with a password. Prints a line for each thing tried.

import java.sql.*;
import java.util.Properties;

public class Tls {
    static String attempt(String password, String ca) {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("GYRE_TLS_USER"));
        properties.setProperty("password", password);
        properties.setProperty("sslmode", "verify-full");
        properties.setProperty("sslrootcert", System.getenv(ca));
        String url = "jdbc:postgresql://localhost:" + System.getenv("GYRE_TLS_PORT") + "/materialize";
        try (Connection connection = DriverManager.getConnection(url, properties);
             ResultSet rows = connection.createStatement().executeQuery("select current_user")) {
            rows.next();
            return rows.getString(1);
        } catch (SQLException error) {
            return error.getCause() instanceof javax.net.ssl.SSLHandshakeException ? "refused" : error.getSQLState();
        }
    }

    public static void main(String[] arguments) {
        System.out.println("jdbc verified: " + attempt("sesame", "GYRE_TLS_CA"));
        System.out.println("jdbc other authority: " + attempt("sesame", "GYRE_TLS_OTHER_CA"));
        System.out.println("jdbc wrong password: " + attempt("wrong", "GYRE_TLS_CA"));
    }
}
