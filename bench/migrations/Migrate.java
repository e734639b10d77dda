import org.flywaydb.core.Flyway;

/** Flyway's migrate from a folder `migrations` into schema `public`; arguments: url, user, password. */
public final class Migrate {
    private Migrate() {}

    public static void main(String[] arguments) {
        Flyway.configure()
                .dataSource(arguments[0], arguments[1], arguments[2])
                .locations("filesystem:migrations")
                .load()
                .migrate();
    }
}
