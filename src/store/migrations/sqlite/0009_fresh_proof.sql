-- When the password of the session's account was last proved in it: at the login, or later.
ALTER TABLE sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0;

UPDATE sessions SET authenticated_at = created_at;
