DROP TABLE ops_schema.archives;
DROP TABLE ops_schema.partition_rules;
