-- A role is a name for a set of permissions, kept as the text of OAuth's scope: sorted, separated by spaces.
CREATE TABLE roles (
    name TEXT PRIMARY KEY NOT NULL,
    permissions TEXT NOT NULL,
    version BIGINT NOT NULL DEFAULT 1
);

INSERT INTO roles (name, permissions) VALUES
    ('user', ''),
    ('admin', 'audit:read keys:write roles:read roles:write sessions:read sessions:write tokens:introspect users:read users:write');

-- Roles that were written into the database by hand permit nothing until someone says what.
INSERT INTO roles (name, permissions)
SELECT DISTINCT role, '' FROM users WHERE role NOT IN ('user', 'admin');

-- A password with an end is a one-time password: good for nothing but to set another.
ALTER TABLE users ADD COLUMN password_expires_at BIGINT;
ALTER TABLE users ADD COLUMN last_login_at BIGINT;
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

-- For the question whether a role is in use, and whether an admin remains.
CREATE INDEX users_by_role ON users (role);

-- A change of a role's permissions is a change for everyone who has it.
ALTER TABLE changes ADD COLUMN role TEXT;

-- What happened. Each row's link is a MAC over itself and the link before; audit_chain holds both ends, so that no row can go missing unseen.
CREATE TABLE events (
    id BIGINT PRIMARY KEY NOT NULL,
    created_at BIGINT NOT NULL,
    type TEXT NOT NULL,
    actor TEXT NOT NULL,
    actor_id BIGINT,
    user_id BIGINT,
    session_id BLOB,
    ip TEXT NOT NULL,
    request_id TEXT NOT NULL,
    details TEXT NOT NULL,
    link BLOB NOT NULL
);

CREATE INDEX events_by_user ON events (user_id, id);
CREATE INDEX events_by_actor ON events (actor_id, id);
CREATE INDEX events_by_type ON events (type, id);

CREATE TABLE audit_chain (
    first_id BIGINT NOT NULL,
    first_link BLOB NOT NULL,
    last_id BIGINT NOT NULL,
    last_link BLOB NOT NULL,
    seal BLOB NOT NULL
);

INSERT INTO audit_chain VALUES (1, x'', 0, x'', x'');
