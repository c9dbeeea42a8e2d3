// pgjdbc over TLS with a password. Prints its name and who it is.

import java.sql.*;
import java.util.Properties;

public class Tls {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("GYRE_TLS_USER"));
        properties.setProperty("password", System.getenv("GYRE_TLS_PASSWORD"));
        properties.setProperty("sslmode", "verify-full");
        properties.setProperty("sslrootcert", System.getenv("GYRE_TLS_CA"));
        String url = "jdbc:postgresql://localhost:" + System.getenv("GYRE_TLS_PORT") + "/materialize";
        try (Connection connection = DriverManager.getConnection(url, properties);
             ResultSet rows = connection.createStatement().executeQuery("select current_user")) {
            rows.next();
            System.out.println("jdbc " + rows.getString(1) + " null");
        }
    }
}
