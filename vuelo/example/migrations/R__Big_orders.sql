DROP VIEW IF EXISTS ${flyway:defaultSchema}.big_orders;
CREATE VIEW ${flyway:defaultSchema}.big_orders AS
SELECT id, customer, total
  FROM shop.orders
 WHERE total > 1000;
