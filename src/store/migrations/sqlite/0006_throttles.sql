-- Failed attempts at a password, by keyed hashes of whom and from where: no address stands here. Pending attempts are those whose hash is being computed;
-- they count as failures until it is known.
CREATE TABLE throttles (
    key BLOB PRIMARY KEY NOT NULL,
    of_account BOOLEAN NOT NULL,
    failures BIGINT NOT NULL DEFAULT 0,
    pending BIGINT NOT NULL DEFAULT 0,
    pending_at BIGINT NOT NULL DEFAULT 0,
    blocked_until BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL
) WITHOUT ROWID;
