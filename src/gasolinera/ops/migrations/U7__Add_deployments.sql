DROP TABLE ops_schema.deployment_steps;
DROP TABLE ops_schema.deployments;
