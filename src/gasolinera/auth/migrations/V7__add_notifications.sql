-- Notifications: what people are told about events, by which channels they want it, and when they want quiet.
-- Texts are made when they are shown or sent: rows hold references alone, and names and numbers are those of then.

CREATE FUNCTION auth_schema.is_time_zone(p_name text) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    PERFORM timestamptz '2026-01-01 00:00:00+00' AT TIME ZONE p_name;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN false;
END
$$;
COMMENT ON FUNCTION auth_schema.is_time_zone(text) IS 'Whether the server knows a time zone by this name.';

CREATE FUNCTION auth_schema.quiet_until(p_at timestamptz, p_zone text, p_from time, p_until time) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
    SELECT CASE
        WHEN p_zone IS NULL THEN NULL
        WHEN p_from < p_until AND l.clock >= p_from AND l.clock < p_until
            THEN (l.today + p_until) AT TIME ZONE p_zone
        WHEN p_from > p_until AND l.clock >= p_from THEN (l.today + 1 + p_until) AT TIME ZONE p_zone
        WHEN p_from > p_until AND l.clock < p_until THEN (l.today + p_until) AT TIME ZONE p_zone
    END
      FROM (SELECT (p_at AT TIME ZONE p_zone)::time AS clock, (p_at AT TIME ZONE p_zone)::date AS today) AS l
    $$;
COMMENT ON FUNCTION auth_schema.quiet_until(timestamptz, text, time, time) IS
    'When the quiet hours that p_at is in end; NULL when it is in none. They may go past midnight.';

CREATE TABLE auth_schema.notification_settings (
    user_id uuid NOT NULL,
    time_zone text NOT NULL,
    quiet_from time NOT NULL,
    quiet_until time NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notification_settings_pk PRIMARY KEY (user_id),
    CONSTRAINT notification_settings_user_id_fk FOREIGN KEY (user_id)
        REFERENCES auth_schema.users (public_id) ON DELETE CASCADE,
    CONSTRAINT notification_settings_time_zone_check CHECK (
        length(time_zone) <= 64 AND time_zone ~ '^[A-Za-z]+(/[A-Za-z0-9_+-]+)*$'
        AND auth_schema.is_time_zone(time_zone)),
    CONSTRAINT notification_settings_quiet_until_check CHECK (quiet_until <> quiet_from)
);
COMMENT ON TABLE auth_schema.notification_settings IS
    'Quiet hours, for those who want some: only messages of security come through.';
COMMENT ON COLUMN auth_schema.notification_settings.user_id IS 'users.public_id.';
COMMENT ON COLUMN auth_schema.notification_settings.time_zone IS 'Personal data: the zone that somebody lives in.';
CREATE TRIGGER notification_settings_set_updated_at BEFORE UPDATE ON auth_schema.notification_settings
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.notification_preferences (
    user_id uuid NOT NULL,
    category text NOT NULL,
    channel text NOT NULL,
    is_wanted boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notification_preferences_pk PRIMARY KEY (user_id, category, channel),
    CONSTRAINT notification_preferences_user_id_fk FOREIGN KEY (user_id)
        REFERENCES auth_schema.users (public_id) ON DELETE CASCADE,
    -- What concerns the security of an account is always told.
    CONSTRAINT notification_preferences_category_check CHECK (
        category IN ('ACCOUNT', 'WORK', 'TICKETS', 'PRIZES', 'PURCHASES')),
    CONSTRAINT notification_preferences_channel_check CHECK (channel IN ('IN_APP', 'SMS', 'EMAIL'))
);
COMMENT ON TABLE auth_schema.notification_preferences IS
    'What somebody chose about a category and a channel. Without a row it is wanted.';
COMMENT ON COLUMN auth_schema.notification_preferences.user_id IS 'users.public_id.';
CREATE TRIGGER notification_preferences_set_updated_at BEFORE UPDATE ON auth_schema.notification_preferences
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.notifications (
    id bigint GENERATED ALWAYS AS IDENTITY,
    notification_id uuid NOT NULL DEFAULT gen_random_uuid(),
    event_id uuid NOT NULL,
    user_id uuid NOT NULL,
    channel text NOT NULL,
    category text NOT NULL,
    template text NOT NULL,
    arguments jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL,
    send_after timestamptz NOT NULL DEFAULT now(),
    attempts smallint NOT NULL DEFAULT 0,
    last_error text,
    sent_at timestamptz,
    read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT notifications_pk PRIMARY KEY (id),
    CONSTRAINT notifications_notification_id_key UNIQUE (notification_id),
    -- Once, however often the event is delivered.
    CONSTRAINT notifications_event_id_user_id_channel_key UNIQUE (event_id, user_id, channel),
    CONSTRAINT notifications_user_id_fk FOREIGN KEY (user_id)
        REFERENCES auth_schema.users (public_id) ON DELETE CASCADE,
    CONSTRAINT notifications_channel_check CHECK (channel IN ('IN_APP', 'SMS', 'EMAIL')),
    CONSTRAINT notifications_category_check CHECK (
        category IN ('SECURITY', 'ACCOUNT', 'WORK', 'TICKETS', 'PRIZES', 'PURCHASES')),
    CONSTRAINT notifications_template_check CHECK (template ~ '^[a-z][a-z-]{1,39}$'),
    CONSTRAINT notifications_arguments_check CHECK (jsonb_typeof(arguments) = 'object'),
    CONSTRAINT notifications_status_check CHECK (status IN ('PENDING', 'SENT', 'SKIPPED', 'DEAD')),
    CONSTRAINT notifications_attempts_check CHECK (attempts BETWEEN 0 AND 20),
    CONSTRAINT notifications_last_error_check CHECK (length(last_error) BETWEEN 1 AND 200),
    CONSTRAINT notifications_in_app_check CHECK (channel <> 'IN_APP' OR status = 'SENT'),
    CONSTRAINT notifications_sent_at_check CHECK ((status = 'SENT') = (sent_at IS NOT NULL)),
    CONSTRAINT notifications_read_at_check CHECK (read_at IS NULL OR channel = 'IN_APP')
);
COMMENT ON TABLE auth_schema.notifications IS
    'One row an event, person and channel. Those of the application are there at once; others are sent by whoever '
    'claims them: send_after is then the end of the claim. Deleted after 180 days, and when the person is erased.';
COMMENT ON COLUMN auth_schema.notifications.user_id IS 'users.public_id.';
COMMENT ON COLUMN auth_schema.notifications.arguments IS 'References and amounts of the event, for the template.';
COMMENT ON COLUMN auth_schema.notifications.last_error IS 'A reason without number, address or content.';
COMMENT ON COLUMN auth_schema.notifications.read_at IS 'Personal data: when somebody read it.';
-- What is due, for senders.
CREATE INDEX notifications_send_after_idx ON auth_schema.notifications (send_after) WHERE status = 'PENDING';
-- A person's list in the application, newest first; the foreign key's own look-up.
CREATE INDEX notifications_user_id_id_idx ON auth_schema.notifications (user_id, id DESC);
-- Clean-up.
CREATE INDEX notifications_created_at_idx ON auth_schema.notifications (created_at);
CREATE TRIGGER notifications_set_updated_at BEFORE UPDATE ON auth_schema.notifications
    FOR EACH ROW EXECUTE FUNCTION auth_schema.set_updated_at();

CREATE TABLE auth_schema.development_emails (
    id bigint GENERATED ALWAYS AS IDENTITY,
    message_id uuid NOT NULL,
    email text NOT NULL,
    subject text NOT NULL,
    message_text text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT development_emails_pk PRIMARY KEY (id),
    CONSTRAINT development_emails_message_id_key UNIQUE (message_id),
    CONSTRAINT development_emails_email_check CHECK (length(email) BETWEEN 3 AND 254),
    CONSTRAINT development_emails_subject_check CHECK (length(subject) BETWEEN 1 AND 200),
    CONSTRAINT development_emails_message_text_check CHECK (length(message_text) BETWEEN 1 AND 10000)
);
COMMENT ON TABLE auth_schema.development_emails IS
    'Email of development and test without a mail server, instead of sending it. Empty in production.';
COMMENT ON COLUMN auth_schema.development_emails.email IS 'Personal data: where it would have gone.';
COMMENT ON COLUMN auth_schema.development_emails.message_text IS 'Personal data: the message.';

-- Rights ----------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON FUNCTION
    auth_schema.is_time_zone(text), auth_schema.quiet_until(timestamptz, text, time, time) TO auth_app;
GRANT SELECT, DELETE, INSERT (user_id, time_zone, quiet_from, quiet_until),
      UPDATE (time_zone, quiet_from, quiet_until) ON auth_schema.notification_settings TO auth_app;
GRANT SELECT, DELETE, INSERT (user_id, category, channel, is_wanted), UPDATE (is_wanted)
      ON auth_schema.notification_preferences TO auth_app;
GRANT SELECT, DELETE, INSERT (event_id, user_id, channel, category, template, arguments, status, send_after, sent_at),
      UPDATE (status, send_after, attempts, last_error, sent_at, read_at) ON auth_schema.notifications TO auth_app;
GRANT SELECT, DELETE, INSERT (message_id, email, subject, message_text) ON auth_schema.development_emails TO auth_app;

GRANT SELECT (category, channel, is_wanted, created_at, updated_at) ON auth_schema.notification_preferences TO auth_ro;
GRANT SELECT (quiet_from, quiet_until, created_at, updated_at) ON auth_schema.notification_settings TO auth_ro;
GRANT SELECT (id, event_id, channel, category, template, status, send_after, attempts, last_error, sent_at, created_at,
              updated_at) ON auth_schema.notifications TO auth_ro;
GRANT SELECT (id, message_id, created_at) ON auth_schema.development_emails TO auth_ro;
