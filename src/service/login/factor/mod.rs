//! Factors: the ways to prove an identity, one file each.
//!
//! A factor is an async function that compares what a caller shows with what the account has, with
//! the same work whether or not there is an account, and gives a [`CheckedFactor`]. It runs within an
//! [`Attempt`](super::attempt::Attempt), which admits and counts it; its errors are failures of
//! infrastructure alone. A new factor is a file here and a [`Proof`].

pub mod one_time_password;
pub mod password;

use crate::model::refusal::LoginRefusal;

/// Factor that was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A lasting password.
    Password,
    /// A lasting password whose stored hash should be replaced: it was made at another cost or by
    /// another system.
    OutdatedPassword,
    /// A one-time password, which opens nothing until a lasting one has replaced it.
    OneTimePassword,
}

/// Outcome of a check: the proof, or the reason why there is none.
pub type CheckedFactor = Result<Proof, LoginRefusal>;
