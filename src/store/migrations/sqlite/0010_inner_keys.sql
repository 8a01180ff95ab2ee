-- The keys behind refresh tokens, device tickets, counters and the record of events, sealed under the root secret.
CREATE TABLE inner_keys (
    purpose TEXT NOT NULL,
    generation BIGINT NOT NULL,
    sealed BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, generation)
);

-- A revoked key is not needed again.
UPDATE signing_keys SET sealed = x'' WHERE revoked_at IS NOT NULL;
