//! Argon2 hashes: made as Argon2id in the PHC form, verified in every kind and version.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time;

use super::cost::{CEILING, Cost, OUTPUT_BYTES};
use super::verdict::{HashError, Verdict};
use crate::crypto::random;
use crate::model::password::Password;

const SALT_BYTES: usize = 16;
/// Memory that must be there beyond a hash's own, in blocks of 1 KiB.
const SPARE_BLOCKS: usize = 16 * 1024;

/// Memory of Argon2, kept from hash to hash.
#[derive(Default)]
pub struct Scratch(Vec<Block>);

impl Scratch {
    /// Gives back the memory that a hash of `cost` does not need.
    pub fn trim(&mut self, cost: &Cost) {
        let kept = cost.0.block_count();
        self.0.truncate(kept);
        self.0.shrink_to(kept);
    }
}

/// Hashes a password under a fresh salt into a PHC string.
///
/// # Errors
/// [`HashError`].
pub fn hash(cost: &Cost, password: &Password, scratch: &mut Scratch) -> Result<String, HashError> {
    let salt = random::<SALT_BYTES>().map_err(|_| HashError::CryptoError("no entropy"))?;
    let mut output = [0; OUTPUT_BYTES];
    derive(&cost.argon2id(), password.as_bytes(), &salt, &mut output, scratch)?;
    let phc = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&cost.0).map_err(|_| HashError::CryptoError("parameters"))?,
        salt: Some(Salt::new(&salt).map_err(|_| HashError::CryptoError("salt"))?),
        hash: Some(Output::new(&output).map_err(|_| HashError::CryptoError("output"))?),
    };
    Ok(phc.to_string())
}

/// Does the work of a verification that must fail, as there is no hash that can be verified.
///
/// # Errors
/// [`HashError`].
pub fn work_in_vain(cost: &Cost, password: &Password, scratch: &mut Scratch) -> Result<(), HashError> {
    let mut output = [0; OUTPUT_BYTES];
    for form in [Some(password.as_bytes()), password.as_typed()]
        .into_iter()
        .flatten()
    {
        derive(&cost.argon2id(), form, &[0; SALT_BYTES], &mut output, scratch)?;
    }
    Ok(())
}

/// Stored Argon2 hash of any kind and version, within the ceiling.
pub struct Argon2Hash {
    argon2: Argon2<'static>,
    /// Whether it was made as we make them, apart from the cost.
    ours: bool,
    salt: Salt,
    output: Output,
}

impl Argon2Hash {
    /// Parses a PHC string.
    ///
    /// # Errors
    /// The reason why it cannot be verified, in words for a report.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let malformed = "malformed Argon2 hash";
        let phc = PasswordHash::new(text).map_err(|_| malformed)?;
        let params = Params::try_from(&phc).map_err(|_| malformed)?;
        let algorithm = Algorithm::new(phc.algorithm.as_str()).map_err(|_| malformed)?;
        // The text of the first version did not name it.
        let version = phc
            .version
            .map_or(Ok(Version::V0x10), Version::try_from)
            .map_err(|_| malformed)?;
        let (Some(salt), Some(output)) = (phc.salt, phc.hash) else {
            return Err(malformed);
        };
        if params.m_cost() > CEILING.0 || params.t_cost() > CEILING.1 || params.p_cost() > CEILING.2 {
            return Err("Argon2 cost above m=524288,t=10,p=16");
        }
        let ours =
            algorithm == Algorithm::Argon2id && version == Version::V0x13 && output.len() == OUTPUT_BYTES;
        Ok(Self {
            argon2: Argon2::new(algorithm, version, params),
            ours,
            salt,
            output,
        })
    }

    /// Verifies a password in NFC, and then as it was typed.
    ///
    /// # Errors
    /// [`HashError`].
    pub fn verify(
        &self,
        cost: &Cost,
        password: &Password,
        scratch: &mut Scratch,
    ) -> Result<Verdict, HashError> {
        if self.matches(password.as_bytes(), scratch)? {
            return Ok(if self.is_current(cost) {
                Verdict::Right
            } else {
                Verdict::RightButOutdated
            });
        }
        let as_typed = password
            .as_typed()
            .map_or(Ok(false), |typed| self.matches(typed, scratch))?;
        Ok(if as_typed {
            Verdict::RightButOutdated
        } else {
            Verdict::Wrong
        })
    }

    fn matches(&self, password: &[u8], scratch: &mut Scratch) -> Result<bool, HashError> {
        let mut output = vec![0; self.output.len()];
        derive(&self.argon2, password, &self.salt, &mut output, scratch)?;
        Ok(constant_time::verify_slices_are_equal(&output, self.output.as_ref()).is_ok())
    }

    fn is_current(&self, cost: &Cost) -> bool {
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        self.ours && costs(self.argon2.params()) == costs(&cost.0)
    }
}

fn derive(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &[u8],
    output: &mut [u8],
    scratch: &mut Scratch,
) -> Result<(), HashError> {
    let Scratch(buffer) = scratch;
    let blocks = argon2.params().block_count();
    if buffer.len() < blocks {
        // The largest allocation there is, and the one that can be refused: any other that fails
        // ends the process, so some is left for them.
        let missing = blocks - buffer.len();
        Vec::<Block>::new()
            .try_reserve_exact(missing + SPARE_BLOCKS)
            .map_err(|_| HashError::Busy)?;
        buffer.try_reserve_exact(missing).map_err(|_| HashError::Busy)?;
        buffer.resize(blocks, Block::default());
    }
    argon2
        .hash_password_into_with_memory(password, salt, output, buffer)
        .map_err(|_| HashError::CryptoError("argon2"))
}
