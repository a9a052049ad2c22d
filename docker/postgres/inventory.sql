CREATE SCHEMA inventory;

CREATE TABLE inventory.customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  city text,
  balance numeric(12, 2) NOT NULL DEFAULT 0,
  seen timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE inventory.orders (
  order_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES inventory.customers,
  total numeric(12, 2) NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO inventory.customers (name, city) VALUES ('Ada', 'London'), ('Grace', 'New York'), ('Edsger', 'Eindhoven');
INSERT INTO inventory.orders (customer_id, total) VALUES (1, 12.50), (2, 99.00);
