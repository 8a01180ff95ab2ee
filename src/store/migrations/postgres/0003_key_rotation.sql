-- A key is published from its creation, signs from activates_at, verifies until retires_at, and does neither once revoked.
ALTER TABLE signing_keys ADD COLUMN activates_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_keys ADD COLUMN retires_at BIGINT;
ALTER TABLE signing_keys ADD COLUMN revoked_at BIGINT;
