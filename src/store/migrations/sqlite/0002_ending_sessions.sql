-- What a session shows of itself, when its refresh token was last exchanged, and why it ended.
ALTER TABLE sessions ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN rotated_at BIGINT;
ALTER TABLE sessions ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN end_reason TEXT;

-- For the purge, which asks for each of them.
CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_by_idle_expiry ON sessions (idle_expires_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The feed: a row for whatever ends or changes someone's standing, in the same transaction, numbered in the order of commits. SQLite has one writer, so
-- the numbers are.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id BLOB,
    user_id BIGINT,
    created_at BIGINT NOT NULL
);
