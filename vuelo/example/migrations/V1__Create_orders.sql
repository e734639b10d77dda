CREATE TABLE shop.orders (
    id bigint GENERATED ALWAYS AS IDENTITY,
    customer text NOT NULL,
    total numeric(12, 2) NOT NULL,
    CONSTRAINT orders_pk PRIMARY KEY (id),
    CONSTRAINT orders_total_check CHECK (total >= 0)
);
COMMENT ON TABLE shop.orders IS 'What customers bought.';
