-- CASCADE takes the view of R__Big_orders.sql along; the next migrate makes it again.
DROP TABLE shop.orders CASCADE;
