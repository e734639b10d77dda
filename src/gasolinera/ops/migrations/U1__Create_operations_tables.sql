DROP TABLE ops_schema.restore_tests;
DROP TABLE ops_schema.backups;
DROP TABLE ops_schema.runs;
