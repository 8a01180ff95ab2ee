//! The steps that bring a database to this version's schema: files of SQL, one for each engine,
//! compiled into the program.
//!
//! Steps are only ever appended: what a database has taken is compared with the text here, byte for
//! byte. They are listed by hand, because the macro that reads the folder would build both drivers
//! into the compiler's plug-in.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The steps for SQLite.
pub static SQLITE: LazyLock<Migrator> = LazyLock::new(|| migrator(|step| step.sqlite));
/// The steps for PostgreSQL.
pub static POSTGRES: LazyLock<Migrator> = LazyLock::new(|| migrator(|step| step.postgres));

/// A change of the schema: the same number and name on both engines.
struct Step {
    version: i64,
    name: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const STEPS: &[Step] = &[
    Step {
        version: 1,
        name: "accounts",
        sqlite: include_str!("migrations/sqlite/0001_accounts.sql"),
        postgres: include_str!("migrations/postgres/0001_accounts.sql"),
    },
    Step {
        version: 2,
        name: "ending_sessions",
        sqlite: include_str!("migrations/sqlite/0002_ending_sessions.sql"),
        postgres: include_str!("migrations/postgres/0002_ending_sessions.sql"),
    },
    Step {
        version: 3,
        name: "key_rotation",
        sqlite: include_str!("migrations/sqlite/0003_key_rotation.sql"),
        postgres: include_str!("migrations/postgres/0003_key_rotation.sql"),
    },
    Step {
        version: 4,
        name: "walking_purge",
        sqlite: include_str!("migrations/sqlite/0004_walking_purge.sql"),
        postgres: include_str!("migrations/postgres/0004_walking_purge.sql"),
    },
    Step {
        version: 5,
        name: "roles_and_events",
        sqlite: include_str!("migrations/sqlite/0005_roles_and_events.sql"),
        postgres: include_str!("migrations/postgres/0005_roles_and_events.sql"),
    },
    Step {
        version: 6,
        name: "throttles",
        sqlite: include_str!("migrations/sqlite/0006_throttles.sql"),
        postgres: include_str!("migrations/postgres/0006_throttles.sql"),
    },
    Step {
        version: 7,
        name: "generations",
        sqlite: include_str!("migrations/sqlite/0007_generations.sql"),
        postgres: include_str!("migrations/postgres/0007_generations.sql"),
    },
    Step {
        version: 8,
        name: "feed_epoch",
        sqlite: include_str!("migrations/sqlite/0008_feed_epoch.sql"),
        postgres: include_str!("migrations/postgres/0008_feed_epoch.sql"),
    },
    Step {
        version: 9,
        name: "fresh_proof",
        sqlite: include_str!("migrations/sqlite/0009_fresh_proof.sql"),
        postgres: include_str!("migrations/postgres/0009_fresh_proof.sql"),
    },
    Step {
        version: 10,
        name: "inner_keys",
        sqlite: include_str!("migrations/sqlite/0010_inner_keys.sql"),
        postgres: include_str!("migrations/postgres/0010_inner_keys.sql"),
    },
    Step {
        version: 11,
        name: "chain_key",
        sqlite: include_str!("migrations/sqlite/0011_chain_key.sql"),
        postgres: include_str!("migrations/postgres/0011_chain_key.sql"),
    },
    Step {
        version: 12,
        name: "clients",
        sqlite: include_str!("migrations/sqlite/0012_clients.sql"),
        postgres: include_str!("migrations/postgres/0012_clients.sql"),
    },
];

fn migrator(text: fn(&Step) -> &'static str) -> Migrator {
    let migration = |step: &Step| {
        Migration::new(
            step.version,
            step.name.replace('_', " ").into(),
            MigrationType::Simple,
            text(step).into_sql_str(),
            false,
        )
    };
    Migrator::with_migrations(STEPS.iter().map(migration).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The files of a folder, in order.
    fn files(engine: &str) -> Vec<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/store/migrations")
            .join(engine);
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn both_engines_have_the_same_migrations() {
        let listed: Vec<_> = STEPS
            .iter()
            .map(|step| format!("{:04}_{}.sql", step.version, step.name))
            .collect();
        assert_eq!(files("sqlite"), listed);
        assert_eq!(files("postgres"), listed);
    }
}
