DROP TABLE ops_schema.alert_silences;
DROP TABLE ops_schema.alerts;
