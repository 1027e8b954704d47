-- Weir's database, version 1. docs/formats/sqlite-schema.md says what each figure means.
-- Times are nanoseconds since 1970 UTC (…_at) unless a name says otherwise. Money is two columns,
-- <name>_usd (whole dollars, towards minus infinity) and <name>_pico (0 … 999,999,999,999), so that
-- sums never overflow: value = usd + pico / 1e12. Figures of budgets are decimal text (128 bits).

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Where the bookkeeper stands in the journal; changes in the same transaction as what it folded.
CREATE TABLE cursors (
    epoch INTEGER NOT NULL, worker INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (epoch, worker, seq)
) WITHOUT ROWID;

-- The last sealed segment of each journal family, and its SHA-256: without it, a newest segment that
-- was cut off or taken away would not be missed (ledger.md J12).
CREATE TABLE chain_heads (
    epoch INTEGER NOT NULL, worker INTEGER NOT NULL, seq INTEGER NOT NULL, digest BLOB NOT NULL,
    PRIMARY KEY (epoch, worker)
) WITHOUT ROWID;

-- Each combination of dimensions that rollups are kept for.
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY,
    team TEXT NOT NULL, application TEXT NOT NULL, environment TEXT NOT NULL,
    task_type TEXT NOT NULL, agent TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,
    provider TEXT NOT NULL, model TEXT NOT NULL,
    UNIQUE (team, application, environment, task_type, agent, user, key, provider, model)
);

-- One row for each attempt.
CREATE TABLE entries (
    row INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL, worker INTEGER NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    scope INTEGER, admitted_at INTEGER NOT NULL, endpoint TEXT, stream INTEGER,
    team TEXT, application TEXT, environment TEXT, task_type TEXT, agent TEXT, user TEXT,
    customer TEXT, goal TEXT, trajectory TEXT, version TEXT, key TEXT,
    sources TEXT, ignored INTEGER, tags TEXT,
    asked_model TEXT, provider TEXT, model TEXT, price_id TEXT, book_hash TEXT, price_vendor TEXT,
    provisional INTEGER, local_free INTEGER, own_credential INTEGER,
    -- from the admit record
    admitted INTEGER NOT NULL DEFAULT 0, sequence INTEGER, input_bound INTEGER, max_output INTEGER,
    client_address TEXT, user_agent TEXT, parts TEXT,
    bound_usd INTEGER NOT NULL DEFAULT 0, bound_pico INTEGER NOT NULL DEFAULT 0,
    dispatched_at INTEGER,
    -- from the end record
    state TEXT NOT NULL DEFAULT 'open', ended_at INTEGER, end_parts TEXT,
    cost_usd INTEGER NOT NULL DEFAULT 0, cost_pico INTEGER NOT NULL DEFAULT 0,
    charge_usd INTEGER NOT NULL DEFAULT 0, charge_pico INTEGER NOT NULL DEFAULT 0,
    charge_tokens INTEGER NOT NULL DEFAULT 0,
    overrun_usd INTEGER NOT NULL DEFAULT 0, overrun_pico INTEGER NOT NULL DEFAULT 0,
    completeness TEXT, usage_notes INTEGER, unpriced INTEGER NOT NULL DEFAULT 0,
    input INTEGER NOT NULL DEFAULT 0, cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write_short INTEGER NOT NULL DEFAULT 0, cache_write_long INTEGER NOT NULL DEFAULT 0,
    input_audio INTEGER NOT NULL DEFAULT 0, input_image INTEGER NOT NULL DEFAULT 0,
    cache_read_audio INTEGER NOT NULL DEFAULT 0, output INTEGER NOT NULL DEFAULT 0,
    output_audio INTEGER NOT NULL DEFAULT 0, output_image INTEGER NOT NULL DEFAULT 0,
    reasoning INTEGER NOT NULL DEFAULT 0, units INTEGER NOT NULL DEFAULT 0, usage_lines TEXT,
    response_id TEXT, finish_reason TEXT,
    http_status INTEGER, provider_status INTEGER, error TEXT, error_text TEXT,
    client_gone INTEGER, connect_us INTEGER, first_byte_us INTEGER, total_us INTEGER,
    request_bytes INTEGER, response_bytes INTEGER, chunks INTEGER,
    provider_request_id TEXT, notes TEXT
);
CREATE UNIQUE INDEX entries_id ON entries (epoch, worker, seq, ordinal);
CREATE INDEX entries_time ON entries (admitted_at);
CREATE INDEX entries_key ON entries (key, admitted_at);
CREATE INDEX entries_trajectory ON entries (trajectory, admitted_at) WHERE trajectory <> '';
-- Not an IN: SQLite would build a table of its values for each row written, and use the index for none.
CREATE INDEX entries_open ON entries (state, epoch)
    WHERE state = 'open' OR state = 'unknown' OR state = 'orphaned';

-- Money set aside for attempts that have not ended.
CREATE VIEW open_holds AS
    SELECT row, epoch, worker, seq, ordinal, admitted_at, dispatched_at, bound_usd, bound_pico, parts
    FROM entries WHERE state = 'open';

-- Model × tier × class, or unit, of one entry.
CREATE TABLE charges (
    entry INTEGER NOT NULL REFERENCES entries (row), n INTEGER NOT NULL,
    model TEXT NOT NULL, tier TEXT NOT NULL, role TEXT NOT NULL,
    is_unit INTEGER NOT NULL, kind TEXT NOT NULL, quantity INTEGER NOT NULL,
    rate_femto INTEGER NOT NULL, cost_usd INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
    price_id TEXT NOT NULL, price_fallback INTEGER NOT NULL,
    PRIMARY KEY (entry, n)
) WITHOUT ROWID;

-- Calls that were refused before an attempt.
CREATE TABLE refusals (
    row INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL, worker INTEGER NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    scope INTEGER, admitted_at INTEGER NOT NULL, endpoint TEXT, stream INTEGER,
    team TEXT, application TEXT, environment TEXT, task_type TEXT, agent TEXT, user TEXT,
    customer TEXT, goal TEXT, trajectory TEXT, version TEXT, key TEXT,
    sources TEXT, ignored INTEGER, tags TEXT,
    asked_model TEXT, provider TEXT, model TEXT, price_id TEXT, book_hash TEXT, price_vendor TEXT,
    provisional INTEGER, local_free INTEGER, own_credential INTEGER,
    at INTEGER NOT NULL, sequence INTEGER, error TEXT NOT NULL, message TEXT, http_status INTEGER,
    bound_usd INTEGER NOT NULL, bound_pico INTEGER NOT NULL,
    input_bound INTEGER, max_output INTEGER, parts TEXT, client_address TEXT, user_agent TEXT
);
CREATE UNIQUE INDEX refusals_id ON refusals (epoch, worker, seq, ordinal);
CREATE INDEX refusals_time ON refusals (admitted_at);
CREATE INDEX refusals_key ON refusals (key, admitted_at);

-- Signed changes of ended attempts; entries themselves are never overwritten.
CREATE TABLE corrections (
    row INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL, worker INTEGER NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    at INTEGER NOT NULL,
    cost_usd INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
    charge_usd INTEGER NOT NULL, charge_pico INTEGER NOT NULL, tokens INTEGER NOT NULL,
    reason TEXT NOT NULL, actor TEXT NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0,
    UNIQUE (epoch, worker, seq, ordinal, at, cost_usd, cost_pico, charge_usd, charge_pico, tokens,
            reason, actor)
);
CREATE INDEX corrections_waiting ON corrections (applied) WHERE applied = 0;

-- Sums by hour and by UTC day of admission; `start` in seconds.
CREATE TABLE rollup_hours (
    start INTEGER NOT NULL, scope INTEGER NOT NULL REFERENCES scopes (id),
    calls INTEGER NOT NULL, attempts INTEGER NOT NULL, errors INTEGER NOT NULL,
    refusals INTEGER NOT NULL, unknown INTEGER NOT NULL,
    input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_short INTEGER NOT NULL,
    cache_write_long INTEGER NOT NULL, input_audio INTEGER NOT NULL, input_image INTEGER NOT NULL,
    cache_read_audio INTEGER NOT NULL, output INTEGER NOT NULL, output_audio INTEGER NOT NULL,
    output_image INTEGER NOT NULL, reasoning INTEGER NOT NULL, units INTEGER NOT NULL,
    charge_tokens INTEGER NOT NULL,
    cost_usd INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
    charge_usd INTEGER NOT NULL, charge_pico INTEGER NOT NULL,
    corrected_usd INTEGER NOT NULL, corrected_pico INTEGER NOT NULL,
    PRIMARY KEY (start, scope)
) WITHOUT ROWID;
CREATE TABLE rollup_days (
    start INTEGER NOT NULL, scope INTEGER NOT NULL REFERENCES scopes (id),
    calls INTEGER NOT NULL, attempts INTEGER NOT NULL, errors INTEGER NOT NULL,
    refusals INTEGER NOT NULL, unknown INTEGER NOT NULL,
    input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_short INTEGER NOT NULL,
    cache_write_long INTEGER NOT NULL, input_audio INTEGER NOT NULL, input_image INTEGER NOT NULL,
    cache_read_audio INTEGER NOT NULL, output INTEGER NOT NULL, output_audio INTEGER NOT NULL,
    output_image INTEGER NOT NULL, reasoning INTEGER NOT NULL, units INTEGER NOT NULL,
    charge_tokens INTEGER NOT NULL,
    cost_usd INTEGER NOT NULL, cost_pico INTEGER NOT NULL,
    charge_usd INTEGER NOT NULL, charge_pico INTEGER NOT NULL,
    corrected_usd INTEGER NOT NULL, corrected_pico INTEGER NOT NULL,
    PRIMARY KEY (start, scope)
) WITHOUT ROWID;

-- What ended attempts charged to each budget instance; seconds UTC. Holds are not here: they are
-- the sum over open_holds.
CREATE TABLE balances (
    budget INTEGER NOT NULL, instance BLOB NOT NULL,
    window_start INTEGER NOT NULL, window_end INTEGER NOT NULL,
    settled TEXT NOT NULL, overrun TEXT NOT NULL,
    PRIMARY KEY (budget, window_start, window_end, instance)
) WITHOUT ROWID;

-- Spend from before a budget was made, or changed, that its balances do not hold.
CREATE TABLE budget_seeds (
    budget INTEGER NOT NULL, instance BLOB NOT NULL,
    window_start INTEGER NOT NULL, window_end INTEGER NOT NULL,
    settled TEXT NOT NULL,
    PRIMARY KEY (budget, window_start, window_end, instance)
) WITHOUT ROWID;

CREATE TABLE budgets (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    conditions TEXT NOT NULL, by_dimension TEXT, unit TEXT NOT NULL, amount TEXT NOT NULL,
    except_amounts TEXT NOT NULL,
    window TEXT NOT NULL, alert_percent INTEGER NOT NULL, blocking TEXT NOT NULL,
    observe INTEGER NOT NULL, clamp TEXT NOT NULL, version INTEGER NOT NULL, origin TEXT NOT NULL,
    created_at INTEGER NOT NULL, removed_at INTEGER
);
-- More of a budget for a while; those that are over go with the next one.
CREATE TABLE budget_raises (
    id INTEGER PRIMARY KEY AUTOINCREMENT, budget INTEGER NOT NULL, instance BLOB NOT NULL,
    amount TEXT NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL
);
CREATE UNIQUE INDEX budgets_name ON budgets (name) WHERE removed_at IS NULL;

-- What people must hear of: each once, however often its records are read. `over`: nothing is to be
-- told of its window's end any more.
CREATE TABLE events (
    row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    at INTEGER NOT NULL, team TEXT NOT NULL, budget TEXT NOT NULL, unit TEXT NOT NULL,
    window_kind TEXT NOT NULL, instance BLOB NOT NULL,
    window_start INTEGER NOT NULL, window_end INTEGER NOT NULL, percent INTEGER NOT NULL,
    amount TEXT NOT NULL, settled TEXT NOT NULL, held TEXT NOT NULL, overrun TEXT NOT NULL,
    calls INTEGER NOT NULL, call TEXT NOT NULL, over INTEGER NOT NULL
);
CREATE INDEX events_over ON events (window_end) WHERE over = 0;

-- The outbox: which webhook is to be told of which event, and has it been.
CREATE TABLE deliveries (
    event INTEGER NOT NULL REFERENCES events (row), webhook TEXT NOT NULL,
    state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL,
    tried_at INTEGER, error TEXT NOT NULL,
    PRIMARY KEY (event, webhook)
) WITHOUT ROWID;
CREATE INDEX deliveries_waiting ON deliveries (webhook, next_at) WHERE state = 'waiting';

-- What operators have stopped, until it is resumed. Ids are never used again.
CREATE TABLE stops (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conditions TEXT NOT NULL, reason TEXT NOT NULL, actor TEXT NOT NULL, since INTEGER NOT NULL
);

-- Budgets, rate limits and access rules hold nothing back until then; one row, or none.
CREATE TABLE observing (
    one INTEGER PRIMARY KEY CHECK (one = 1), until INTEGER NOT NULL, reason TEXT NOT NULL,
    actor TEXT NOT NULL, since INTEGER NOT NULL
);

CREATE TABLE price_books (
    hash TEXT PRIMARY KEY, first_used_at INTEGER NOT NULL, content BLOB NOT NULL
);

CREATE TABLE teams (
    name TEXT PRIMARY KEY, attributes TEXT NOT NULL, created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Digests only: a key's text is shown once, when it is minted.
CREATE TABLE keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, team TEXT NOT NULL, role TEXT NOT NULL,
    digest BLOB NOT NULL, previous_digest BLOB, previous_until INTEGER,
    created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,
    application TEXT NOT NULL, environment TEXT NOT NULL, task_type TEXT NOT NULL,
    user TEXT NOT NULL, models TEXT NOT NULL
) WITHOUT ROWID;

-- Who changed what, and from what to what. Never a secret.
CREATE TABLE audit (
    row INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    subject TEXT NOT NULL, before TEXT, after TEXT
);
CREATE INDEX audit_subject ON audit (subject, at);
