-- Each refresh of a session begins a generation of its tokens, which the counter numbers. Where the last refresh came from (empty: from before these columns);
-- the newest generation of which an access token was used; the newest that was given a second time, unused; the least whose tokens are valid.
ALTER TABLE sessions ADD COLUMN last_ip TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN last_user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN used_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN repeated_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN least_generation BIGINT NOT NULL DEFAULT 0;
