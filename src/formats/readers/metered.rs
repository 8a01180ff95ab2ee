//! A reader with an allowance: no parser behind it takes more bytes for one record than a record
//! may have.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

/// The bytes that may be read before the next allowance.
#[derive(Debug)]
pub(super) struct Meter(Cell<usize>);

impl Meter {
    pub(super) const fn unlimited() -> Self {
        Self(Cell::new(usize::MAX))
    }

    pub(super) fn allow(&self, bytes: usize) {
        self.0.set(bytes);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// Reads from `inner` until `meter` is spent, and fails from then on.
pub(super) struct Metered<'a, R> {
    pub(super) inner: R,
    pub(super) meter: &'a Meter,
}

impl<R: BufRead> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.meter.0.get();
        let from = self.inner.fill_buf()?;
        let count = from.len().min(into.len()).min(left);
        if count == 0 && left == 0 && !from.is_empty() && !into.is_empty() {
            return Err(io::Error::other("over the allowance"));
        }
        into[..count].copy_from_slice(&from[..count]);
        self.inner.consume(count);
        if left != usize::MAX {
            self.meter.0.set(left - count);
        }
        Ok(count)
    }
}
