DROP TABLE ops_schema.check_sizes;
DROP TABLE ops_schema.check_samples;
DROP TABLE ops_schema.thresholds;
