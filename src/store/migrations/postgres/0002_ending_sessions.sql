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

-- The feed: a row for whatever ends or changes someone's standing, in the same transaction, numbered in the order of commits. A plain sequence is
-- not: a later number can commit first. So a row takes a lock that is held until its commit, and only then its number; and it wakes every listener.
CREATE SEQUENCE changes_id_seq;

CREATE TABLE changes (
    id BIGINT PRIMARY KEY,
    session_id UUID,
    user_id BIGINT,
    created_at BIGINT NOT NULL
);

CREATE FUNCTION number_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('doorward.changes'));
    NEW.id := nextval('changes_id_seq');
    PERFORM pg_notify('doorward_changes', '');
    RETURN NEW;
END
$$;

CREATE TRIGGER number_change BEFORE INSERT ON changes FOR EACH ROW EXECUTE FUNCTION number_change();
