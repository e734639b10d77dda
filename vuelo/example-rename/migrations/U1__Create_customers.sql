-- Takes the customers along.
DROP TABLE shop.customers;
