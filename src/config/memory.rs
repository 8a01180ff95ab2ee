//! State that a process holds in memory.

use super::row::settings;
use super::values::Whole;

settings! {
    /// State that a process holds in memory.
    MemorySettings {
        registry_size: usize = "DOORWARD_REGISTRY_SIZE", "100000", Whole(1, 100_000_000),
            "sessions that the in-memory registry holds, 1 to 100000000";
    }
}
