-- Where the story begins: a column called phone.
CREATE TABLE shop.customers (
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    phone text NOT NULL,
    CONSTRAINT customers_pk PRIMARY KEY (id)
);
COMMENT ON TABLE shop.customers IS 'Who buys.';
CREATE UNIQUE INDEX customers_phone_key ON shop.customers (phone);
