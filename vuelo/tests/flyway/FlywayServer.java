import static java.util.stream.Collectors.joining;

import com.google.gson.FieldNamingPolicy;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.MigrationInfo;
import org.flywaydb.core.api.MigrationInfoService;
import org.flywaydb.core.api.MigrationVersion;
import org.flywaydb.core.api.configuration.ClassicConfiguration;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateOutput;
import org.flywaydb.core.api.output.ValidateOutput;
import org.flywaydb.core.api.output.ValidateResult;
import org.flywaydb.core.extensibility.MigrationType;
import org.flywaydb.core.internal.configuration.ConfigUtils;
import org.flywaydb.core.internal.configuration.models.ConfigurationModel;
import tools.jackson.databind.ObjectMapper;

/** Open-source Flyway behind a line protocol: a request as one line of JSON in, its outcome as one line of JSON out. */
public final class FlywayServer {
    /**
     * What a command needs. `settings` are Flyway's by their full names. `configFile` is a flyway.conf, `model` a
     * flyway.toml as JSON; relative locations in either start from `folder`. `variables` stand for the environment.
     * `text` is what properties and address read.
     */
    record Request(
            String command,
            String url,
            String user,
            String password,
            Map<String, String> settings,
            Map<String, String> placeholders,
            String configFile,
            String model,
            String folder,
            Map<String, String> variables,
            String text) {}

    /** A line of Flyway's info; version and checksum are null where Flyway has none, rank where nothing is applied. */
    record Migration(
            Integer rank,
            String version,
            String description,
            String type,
            String script,
            Integer checksum,
            String state) {}

    /**
     * `migrations` and `current` are what info says after the command; they are null when the command failed. `values`
     * is what properties and address read, and for configuration what Flyway goes by.
     */
    record Outcome(
            boolean success,
            String error,
            List<String> applied,
            List<String> invalid,
            String current,
            List<Migration> migrations,
            Map<String, String> values) {}

    private static final Set<String> READERS = Set.of("properties", "address", "configuration");

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
            if (READERS.contains(request.command())) {
                return new Outcome(true, null, applied, invalid, null, null, read(request));
            }
            Flyway flyway = configured(request).load();
            run(request.command(), flyway, applied, invalid);
            MigrationInfoService info = flyway.info();
            String current = info.current() == null ? null : text(info.current().getVersion());
            var migrations = new ArrayList<Migration>();
            for (MigrationInfo each : info.all()) {
                migrations.add(migration(each));
            }
            return new Outcome(invalid.isEmpty(), null, applied, invalid, current, migrations, null);
        } catch (FlywayException | IOException | SQLException error) {
            return new Outcome(false, error.getMessage(), applied, invalid, null, null, null);
        }
    }

    private static FluentConfiguration configured(Request request) throws IOException {
        FluentConfiguration configuration = Flyway.configure();
        var settings = new HashMap<String, String>();
        if (request.model() != null) {
            ConfigurationModel given = new ObjectMapper().readValue(request.model(), ConfigurationModel.class);
            ConfigurationModel model = ConfigurationModel.defaults().merge(given);
            ConfigUtils.makeRelativeLocationsBasedOnWorkingDirectory(request.folder(), model.getFlyway().getLocations());
            configuration.configuration(new ClassicConfiguration(model));
        }
        if (request.configFile() != null) {
            settings.putAll(ConfigUtils.loadConfigurationFile(new File(request.configFile()), "UTF-8", true));
        }
        if (request.variables() != null) {
            settings.putAll(ConfigUtils.environmentVariablesToPropertyMap(request.variables()));
        }
        if (settings.containsKey(ConfigUtils.LOCATIONS)) {
            ConfigUtils.makeRelativeLocationsBasedOnWorkingDirectory(
                    request.folder(), settings, ConfigUtils.LOCATIONS);
        }
        settings.putAll(request.settings());
        if (request.url() != null) {
            configuration.dataSource(request.url(), request.user(), request.password());
        }
        configuration.configuration(settings);
        if (request.placeholders() != null) {
            configuration.placeholders(request.placeholders());
        }
        return configuration;
    }

    /** What needs no database. */
    private static Map<String, String> read(Request request) throws IOException, SQLException {
        if (request.command().equals("properties")) {
            return ConfigUtils.loadConfigurationFromString(request.text());
        }
        var values = new HashMap<String, String>();
        if (request.command().equals("address")) {
            var defaults = new Properties();
            defaults.putAll(request.settings());
            Properties parsed = org.postgresql.Driver.parseURL(request.text(), defaults);
            for (String name : parsed == null ? List.<String>of() : parsed.stringPropertyNames()) {
                values.put(name, parsed.getProperty(name));
            }
            return values;
        }
        FluentConfiguration found = configured(request);
        values.put("url", found.getUrl());
        values.put("user", found.getUser());
        values.put("password", found.getPassword());
        values.put("schemas", String.join(",", found.getSchemas()));
        values.put("defaultSchema", found.getDefaultSchema());
        values.put("table", found.getTable());
        values.put("locations", Arrays.stream(found.getLocations()).map(String::valueOf).sorted().collect(joining(",")));
        values.put("target", found.getTarget().toString());
        values.put("outOfOrder", String.valueOf(found.isOutOfOrder()));
        values.put("group", String.valueOf(found.isGroup()));
        values.put("placeholders", new TreeMap<>(found.getPlaceholders()).toString());
        return values;
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
            case "clean" -> flyway.clean();
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
