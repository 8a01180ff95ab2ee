//! Cost of password hashing.

use super::row::settings;
use super::values::{By, Or, Whole};
use crate::crypto::password_hash::Cost;

settings! {
    /// Cost of password hashing.
    HashSettings {
        threads: usize = "DOORWARD_HASH_THREADS", "number of cores", Or(Whole(1, 256), cores),
            "threads that hash passwords at the lowest priority, 1 to 256";
        queue: usize = "DOORWARD_HASH_QUEUE", "64", Whole(1, 65_536),
            "hashes that can wait for their turn, 1 to 65536; a quarter is kept for known devices and live \
             sessions; further requests are answered with 503, or one that waits loses its place";
        cost: Cost = "DOORWARD_ARGON2", "m=19456,t=2,p=1", By(Cost::parse, ToString::to_string),
            "Argon2id memory in KiB, passes and lanes; the default is the minimum; after a change, an \
             account is rehashed at its next login";
    }
}

/// Number of cores that the process can use, limited to the maximum of the setting.
fn cores() -> usize {
    std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(256)
}
