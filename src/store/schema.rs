//! Every table of the database, named once: whether `doorward copy` carries it, and why not if not;
//! and whether `doorward restore` voids something in it.
//!
//! A test compares the list with the tables that the migrations make, on both engines.

/// A table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Treatment of its rows by a copy.
    pub fate: Fate,
    /// Rows or columns that a restore voids; the others stay as the backup has them.
    pub voided: Option<&'static str>,
}

/// The fate of a table's rows when the database is copied into another.
pub enum Fate {
    /// Rows are copied in the order of the first column, which is the key.
    Copied(&'static [Column]),
    /// Rows are left behind, for this reason.
    LeftBehind(&'static str),
}

/// A column of a table that is copied.
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
}

/// The type of a column on both engines.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A 64-bit integer.
    Number,
    /// UTF-8.
    Text,
    /// True or false.
    Flag,
    /// Bytes.
    Bytes,
    /// UUID on PostgreSQL, 16 bytes on SQLite.
    Uuid,
}

/// The tables, in an order in which a copy breaks no foreign key.
pub const TABLES: &[Table] = &[
    copied("roles", &[text("name"), text("permissions"), number("version")]),
    copied(
        "users",
        &[
            number("id"),
            uuid("subject"),
            text("email"),
            text("email_key"),
            text("password_hash"),
            number("password_version"),
            number("password_expires_at"),
            text("role"),
            flag("is_active"),
            number("created_at"),
            number("last_login_at"),
            number("version"),
        ],
    )
    .voided_at_restore("device tickets and one-time passwords"),
    copied(
        "sessions",
        &[
            uuid("id"),
            number("user_id"),
            number("counter"),
            number("created_at"),
            number("idle_expires_at"),
            number("expires_at"),
            number("ended_at"),
            number("last_used_at"),
            number("rotated_at"),
            text("ip"),
            text("user_agent"),
            text("end_reason"),
            text("last_ip"),
            text("last_user_agent"),
            number("used_generation"),
            number("repeated_generation"),
            number("least_generation"),
            number("authenticated_at"),
        ],
    )
    .voided_at_restore("every live session"),
    copied(
        "signing_keys",
        &[
            text("kid"),
            number("generation"),
            text("algorithm"),
            bytes("sealed"),
            number("created_at"),
            number("activates_at"),
            number("retires_at"),
            number("revoked_at"),
        ],
    )
    .voided_at_restore("every key"),
    copied(
        "inner_keys",
        &[
            text("purpose"),
            number("generation"),
            bytes("sealed"),
            number("created_at"),
        ],
    ),
    copied(
        "clients",
        &[
            text("name"),
            uuid("subject"),
            text("permissions"),
            number("generation"),
            number("earlier_generation"),
            number("earlier_until"),
            number("created_at"),
            number("rotated_at"),
        ],
    )
    .voided_at_restore("every secret"),
    copied(
        "events",
        &[
            number("id"),
            number("created_at"),
            text("type"),
            text("actor"),
            number("actor_id"),
            number("user_id"),
            uuid("session_id"),
            text("ip"),
            text("request_id"),
            text("details"),
            bytes("link"),
        ],
    ),
    copied(
        "audit_chain",
        &[
            number("first_id"),
            bytes("first_link"),
            number("last_id"),
            bytes("last_link"),
            bytes("seal"),
            number("key_generation"),
        ],
    ),
    copied(
        "throttles",
        &[
            uuid("key"),
            flag("of_account"),
            number("failures"),
            number("pending"),
            number("pending_at"),
            number("blocked_until"),
            number("updated_at"),
        ],
    ),
    left_behind("changes", "the feed is for the nodes that run on this database"),
    left_behind(
        "feed_epoch",
        "a copy is another database, whose migrations make its own epoch",
    )
    .voided_at_restore("its value"),
    left_behind("_sqlx_migrations", "each engine has migrations of its own"),
];

const fn copied(name: &'static str, columns: &'static [Column]) -> Table {
    Table {
        name,
        fate: Fate::Copied(columns),
        voided: None,
    }
}

const fn left_behind(name: &'static str, because: &'static str) -> Table {
    Table {
        name,
        fate: Fate::LeftBehind(because),
        voided: None,
    }
}

impl Table {
    const fn voided_at_restore(self, what: &'static str) -> Self {
        Self {
            voided: Some(what),
            ..self
        }
    }
}

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind }
}

const fn number(name: &'static str) -> Column {
    column(name, Kind::Number)
}

const fn text(name: &'static str) -> Column {
    column(name, Kind::Text)
}

const fn flag(name: &'static str) -> Column {
    column(name, Kind::Flag)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Kind::Bytes)
}

const fn uuid(name: &'static str) -> Column {
    column(name, Kind::Uuid)
}
