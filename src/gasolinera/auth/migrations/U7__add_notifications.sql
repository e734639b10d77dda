-- Takes back V7__add_notifications.sql. Notifications, sent or not, and what people chose about them are lost.
DROP TABLE auth_schema.development_emails;
DROP TABLE auth_schema.notifications;
DROP TABLE auth_schema.notification_preferences;
DROP TABLE auth_schema.notification_settings;
DROP FUNCTION auth_schema.quiet_until(timestamptz, text, time, time);
DROP FUNCTION auth_schema.is_time_zone(text);
