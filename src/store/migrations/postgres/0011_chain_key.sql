-- The generation of the key that links the next event. A node that still has an earlier key must not link one.
ALTER TABLE audit_chain ADD COLUMN key_generation BIGINT NOT NULL DEFAULT 1;
