-- Names the feed of this database. A restored or copied database has another value, so that nodes that read the feed before begin anew.
CREATE TABLE feed_epoch (
    value UUID NOT NULL
);

INSERT INTO feed_epoch VALUES (gen_random_uuid());
