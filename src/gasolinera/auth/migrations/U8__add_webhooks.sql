-- Takes back V8__add_webhooks.sql. Endpoints, their secrets, and what was still to be delivered are lost.
DROP TABLE auth_schema.webhook_attempts;
DROP TABLE auth_schema.webhook_deliveries;
DROP TABLE auth_schema.webhook_endpoints;
