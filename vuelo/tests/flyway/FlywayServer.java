import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.MigrationVersion;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateOutput;
import org.flywaydb.core.api.output.ValidateOutput;
import org.flywaydb.core.api.output.ValidateResult;
import org.flywaydb.core.extensibility.MigrationType;

/** Open-source Flyway behind a line protocol: a request as one line of JSON in, its outcome as one line of JSON out. */
public final class FlywayServer {
    /** Everything but command, url, user, password, schemas and locations may be left out. */
    record Request(
            String command,
            String url,
            String user,
            String password,
            List<String> schemas,
            List<String> locations,
            Map<String, String> placeholders,
            String initSql,
            String target,
            String baselineVersion,
            boolean outOfOrder) {}

    /** A line of Flyway's info; version and checksum are null where Flyway has none, rank where nothing is applied. */
    record Migration(
            Integer rank,
            String version,
            String description,
            String type,
            String script,
            Integer checksum,
            String state) {}

    /** `migrations` and `current` are what info says after the command; they are null when the command failed. */
    record Outcome(
            boolean success,
            String error,
            List<String> applied,
            List<String> invalid,
            String current,
            List<Migration> migrations) {}

    private FlywayServer() {}

    public static void main(String[] arguments) throws Exception {
        var answers = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        System.setOut(System.err); // whatever logs to the console must not get between the answers
        Gson gson = new GsonBuilder()
                .setFieldNamingPolicy(FieldNamingPolicy.LOWER_CASE_WITH_UNDERSCORES)
                .serializeNulls()
                .create();
        var lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            answers.println(gson.toJson(outcome(gson.fromJson(line, Request.class))));
        }
    }

    private static Outcome outcome(Request request) {
        var applied = new ArrayList<String>();
        var invalid = new ArrayList<String>();
        try {
            Flyway flyway = configured(request).load();
            run(request.command(), flyway, applied, invalid);
            MigrationInfoService info = flyway.info();
            String current = info.current() == null ? null : text(info.current().getVersion());
            var migrations = new ArrayList<Migration>();
            for (MigrationInfo each : info.all()) {
                migrations.add(migration(each));
            }
            return new Outcome(invalid.isEmpty(), null, applied, invalid, current, migrations);
        } catch (FlywayException error) {
            return new Outcome(false, error.getMessage(), applied, invalid, null, null);
        }
    }

    private static FluentConfiguration configured(Request request) {
        FluentConfiguration configuration = Flyway.configure()
                .dataSource(request.url(), request.user(), request.password())
                .schemas(request.schemas().toArray(String[]::new))
                .locations(request.locations().toArray(String[]::new))
                .outOfOrder(request.outOfOrder());
        if (request.placeholders() != null) {
            configuration.placeholders(request.placeholders());
        }
        if (request.initSql() != null) {
            configuration.initSql(request.initSql());
        }
        if (request.target() != null) {
            configuration.target(request.target());
        }
        if (request.baselineVersion() != null) {
            configuration.baselineVersion(request.baselineVersion());
        }
        return configuration;
    }

    private static void run(String command, Flyway flyway, List<String> applied, List<String> invalid) {
        switch (command) {
            case "migrate" -> {
                for (MigrateOutput each : flyway.migrate().migrations) {
                    applied.add(each.version.isEmpty() ? each.description : each.version);
                }
            }
            case "validate" -> {
                ValidateResult result = flyway.validateWithResult();
                for (ValidateOutput each : result.invalidMigrations) {
                    invalid.add(each.errorDetails.errorMessage);
                }
            }
            case "repair" -> flyway.repair();
            case "baseline" -> flyway.baseline();
            case "info" -> {} // every outcome says what info says
            default -> throw new IllegalArgumentException("no command " + command);
        }
    }

    private static Migration migration(MigrationInfo info) {
        MigrationType type = info.getType();
        return new Migration(
                info.getInstalledRank(),
                text(info.getVersion()),
                info.getDescription(),
                type.name(),
                info.getScript(),
                info.getChecksum(),
                info.getState().getDisplayName());
    }

    private static String text(MigrationVersion version) {
        return version == null ? null : version.getVersion();
    }
}
