DROP TABLE ops_schema.statement_figures;
DROP TABLE ops_schema.statement_snapshots;
