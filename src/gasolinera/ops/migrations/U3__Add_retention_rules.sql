DROP TABLE ops_schema.index_rebuilds;
DROP TABLE ops_schema.retention_rules;
