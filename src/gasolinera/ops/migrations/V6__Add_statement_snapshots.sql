-- What statements have cost so far, as the server counts it, kept from time to time: two of these tell what a week or a
-- deployment has made slower. Texts are without values: `?` and $1 stand where they were.

CREATE TABLE ops_schema.statement_snapshots (
    id bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT statement_snapshots_pk PRIMARY KEY,
    place text NOT NULL CONSTRAINT statement_snapshots_place_check CHECK (length(place) BETWEEN 1 AND 300),
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    server_version integer NOT NULL CONSTRAINT statement_snapshots_version_check CHECK (server_version >= 150000),
    counted_since timestamptz,
    forgotten bigint CONSTRAINT statement_snapshots_forgotten_check CHECK (forgotten >= 0),
    note text CONSTRAINT statement_snapshots_note_check CHECK (length(note) <= 200)
);
COMMENT ON TABLE ops_schema.statement_snapshots IS
    'When the counters of a database''s statements were kept. counted_since: since when the server counts; forgotten: '
    'how often it has dropped the rarest statements for want of room.';
-- The newest of a database, the newest before a moment, and those that are old enough to be removed.
CREATE INDEX statement_snapshots_place_idx ON ops_schema.statement_snapshots (place, taken_at DESC);

CREATE TABLE ops_schema.statement_figures (
    snapshot_id bigint NOT NULL
        CONSTRAINT statement_figures_snapshot_fk REFERENCES ops_schema.statement_snapshots (id) ON DELETE CASCADE,
    role text NOT NULL,
    query_id bigint NOT NULL,
    is_top_level boolean NOT NULL,
    statement text NOT NULL CONSTRAINT statement_figures_statement_check CHECK (length(statement) <= 2000),
    calls bigint NOT NULL CONSTRAINT statement_figures_calls_check CHECK (calls >= 0),
    total_ms double precision NOT NULL CONSTRAINT statement_figures_total_check CHECK (total_ms >= 0),
    rows bigint NOT NULL CONSTRAINT statement_figures_rows_check CHECK (rows >= 0),
    blocks_hit bigint NOT NULL CONSTRAINT statement_figures_hit_check CHECK (blocks_hit >= 0),
    blocks_read bigint NOT NULL CONSTRAINT statement_figures_read_check CHECK (blocks_read >= 0),
    temporary_blocks bigint NOT NULL CONSTRAINT statement_figures_temporary_check CHECK (temporary_blocks >= 0),
    CONSTRAINT statement_figures_pk PRIMARY KEY (snapshot_id, role, query_id, is_top_level)
);
COMMENT ON TABLE ops_schema.statement_figures IS
    'One statement of one role in a snapshot: counters since the server began to count, blocks of 8 kB. No values, so '
    'no personal data.';
