//! Settings of the state that a process keeps in memory.

use super::row::settings;
use super::values::Whole;

settings! {
    /// Settings of the state that a process keeps in memory.
    MemorySettings {
        registry_size: usize = "DOORWARD_REGISTRY_SIZE", "100000", Whole(1, 100_000_000),
            "number of sessions that each process keeps in memory, 1 to 100000000";
    }
}
