DROP TABLE ops_schema.reconciliation_findings;
DROP TABLE ops_schema.reconciliations;
