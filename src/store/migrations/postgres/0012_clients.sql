-- Services that authenticate themselves. No secret is stored: it is made of the subject and the generation.
CREATE TABLE clients (
    name TEXT COLLATE "C" PRIMARY KEY,
    subject UUID NOT NULL UNIQUE,
    permissions TEXT NOT NULL,
    generation BIGINT NOT NULL,
    earlier_generation BIGINT,
    earlier_until BIGINT,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT
);
