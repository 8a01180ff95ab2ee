-- Instants are microseconds since the Unix epoch. AUTOINCREMENT: a deleted account's number is never given again.
CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subject BLOB NOT NULL UNIQUE,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    password_version BIGINT NOT NULL DEFAULT 1,
    role TEXT NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id BLOB PRIMARY KEY NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    counter BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
) WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY NOT NULL,
    generation BIGINT NOT NULL UNIQUE,
    algorithm TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL
);
