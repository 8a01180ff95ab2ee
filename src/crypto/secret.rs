//! The root secret and what is made of it: every inner key is derived from it by HKDF, and what the
//! database keeps secret is sealed by it.
//!
//! Held in memory that is wiped on drop; never shown, not even by `Debug`.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, rand};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The least a root secret holds, in bytes (RFC 7518 section 3.2 asks as much of an HS256 key).
pub const MIN_SECRET_BYTES: usize = 32;

const KEY_BYTES: usize = 32;

/// Texts from tutorials and READMEs that must never keep a door.
const KNOWN_EXAMPLES: &[&str] = &[
    "your-secret-key",
    "your_secret_key",
    "change-me",
    "changeme",
    "change_me",
    "supersecret",
    "super-secret",
    "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
];

/// A key of 32 bytes for one purpose.
pub type Key = Zeroizing<[u8; KEY_BYTES]>;

/// Random bytes from the operating system's generator.
///
/// # Errors
/// The generator failed; nothing may be issued then.
pub fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CryptoError::Entropy)?;
    Ok(bytes)
}

/// What can go wrong with keys and chance; the text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// The system gave no random bytes.
    #[error("the system's random number generator failed")]
    Entropy,
    /// A sealed key does not open.
    #[error(
        "a key in the database does not open: DOORWARD_SECRET is not the one that this database was made with"
    )]
    WrongSecret,
    /// Some other primitive refused.
    #[error("cryptography failed: {0}")]
    Primitive(&'static str),
    /// The secret's file cannot be used.
    #[error("{path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The one secret that an operator keeps.
#[derive(Clone)]
pub struct RootSecret(Zeroizing<Vec<u8>>);

impl RootSecret {
    /// Takes the text of a setting; none if it is too short, too simple, or a known example.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let folded = Zeroizing::new(text.to_ascii_lowercase());
        let known = KNOWN_EXAMPLES.iter().any(|example| folded.contains(example));
        let mut seen = [false; 256];
        text.bytes().for_each(|b| seen[usize::from(b)] = true);
        let varied = seen.iter().filter(|seen| **seen).count() >= 8;
        (text.len() >= MIN_SECRET_BYTES && varied && !known)
            .then(|| Self(Zeroizing::new(text.as_bytes().to_vec())))
    }

    /// A fresh secret of 256 random bits.
    ///
    /// # Errors
    /// No entropy.
    pub fn generate() -> Result<Self, CryptoError> {
        let bytes = Zeroizing::new(random::<KEY_BYTES>()?);
        Ok(Self(Zeroizing::new(STANDARD.encode(*bytes).into_bytes())))
    }

    /// Reads the secret's file; none if there is no such file.
    ///
    /// # Errors
    /// The file can be read by others than its owner (ASVS 13.3.1), cannot be read by us, or holds
    /// no usable secret.
    pub fn read(path: &Path) -> Result<Option<Self>, CryptoError> {
        let refuse = |why: String| CryptoError::File {
            path: path.display().to_string(),
            why,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(refuse(cause.to_string())),
        };
        let mode = file
            .metadata()
            .map_err(|cause| refuse(cause.to_string()))?
            .permissions()
            .mode()
            & 0o777;
        if mode & 0o077 != 0 {
            return Err(refuse(format!(
                "others may read it (mode {mode:03o}); run: chmod 600 {}",
                path.display()
            )));
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)
            .map_err(|cause| refuse(cause.to_string()))?;
        Self::parse(text.trim()).map(Some).ok_or_else(|| {
            refuse(format!(
                "does not hold a secret of at least {MIN_SECRET_BYTES} bytes"
            ))
        })
    }

    /// Writes the secret to a new file that only its owner may read; whole and on disk, or not at
    /// all. A file that is there already stays as it is. An unfinished one of a process that was
    /// killed is begun anew under the same name, so that no copy stays behind.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), CryptoError> {
        let write = || -> io::Result<()> {
            let folder = File::open(
                path.parent()
                    .filter(|folder| !folder.as_os_str().is_empty())
                    .unwrap_or(Path::new(".")),
            )?;
            // Of processes that begin at once, one is here.
            folder.lock()?;
            if path.try_exists()? {
                return Ok(());
            }
            let unfinished = path.with_extension("secret.new");
            match fs::remove_file(&unfinished) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(&self.0)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&unfinished, path)?;
            folder.sync_all()
        };
        write().map_err(|cause| CryptoError::File {
            path: path.display().to_string(),
            why: cause.to_string(),
        })
    }

    /// The secret itself, for the one use where others share it.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A key for one purpose (HKDF-SHA-256, RFC 5869).
    ///
    /// # Errors
    /// The primitive refused.
    pub fn derive(&self, purpose: &str) -> Result<Key, CryptoError> {
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"doorward v1").extract(&self.0);
        let mut key = Key::default();
        let info = [purpose.as_bytes()];
        let okm = root
            .expand(&info, hkdf::HKDF_SHA256)
            .map_err(|_| CryptoError::Primitive("HKDF"))?;
        okm.fill(key.as_mut())
            .map_err(|_| CryptoError::Primitive("HKDF"))?;
        Ok(key)
    }

    /// Encrypts for the database: AES-256-GCM under a random nonce, bound to `name`.
    ///
    /// # Errors
    /// No entropy.
    pub fn seal(&self, name: &str, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut body = plain.to_vec();
        let nonce = self
            .sealing_key()?
            .seal_in_place_append_tag(Aad::from(name), &mut body)
            .map_err(|_| CryptoError::Entropy)?;
        Ok([nonce.as_ref().as_slice(), &body].concat())
    }

    /// Opens what [`Self::seal`] made for the same `name`.
    ///
    /// # Errors
    /// [`CryptoError::WrongSecret`] if it was sealed by another secret, for another name, or changed
    /// since.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let (nonce, body) = sealed
            .split_at_checked(NONCE_LEN)
            .ok_or(CryptoError::WrongSecret)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CryptoError::WrongSecret)?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .sealing_key()?
            .open_in_place(nonce, Aad::from(name), &mut body)
            .map_err(|_| CryptoError::WrongSecret)?;
        Ok(Zeroizing::new(plain.to_vec()))
    }

    fn sealing_key(&self) -> Result<RandomizedNonceKey, CryptoError> {
        let key = self.derive("seal database keys")?;
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).map_err(|_| CryptoError::Primitive("AES-256-GCM"))
    }
}

impl fmt::Debug for RootSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_or_well_known_secret_is_refused() {
        assert!(
            RootSecret::parse("0123456789abcdef0123456789abcde").is_none(),
            "31 bytes"
        );
        assert!(RootSecret::parse("0123456789abcdef0123456789abcdef").is_some());
        assert!(RootSecret::parse(&"x".repeat(64)).is_none());
        assert!(RootSecret::parse("your-secret-key-change-this-in-production-please").is_none());
        assert!(
            RootSecret::parse("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7").is_none(),
            "FastAPI's tutorial"
        );
    }

    #[test]
    fn a_sealed_value_opens_only_by_its_secret_and_name() {
        let secret = RootSecret::generate().unwrap();
        let sealed = secret.seal("k1", b"inner key").unwrap();
        assert_eq!(*secret.open("k1", &sealed).unwrap(), b"inner key");
        assert_ne!(
            sealed,
            secret.seal("k1", b"inner key").unwrap(),
            "a nonce is never used twice"
        );
        assert!(secret.open("k2", &sealed).is_err());
        assert!(RootSecret::generate().unwrap().open("k1", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(secret.open("k1", &bent).is_err(), "byte {at}");
        }
        assert!(secret.open("k1", b"short").is_err());
    }

    #[test]
    fn keys_differ_by_purpose_and_stay_the_same() {
        let secret = RootSecret::parse("0123456789abcdef0123456789abcdef").unwrap();
        assert_eq!(secret.derive("a").unwrap(), secret.derive("a").unwrap());
        assert_ne!(secret.derive("a").unwrap(), secret.derive("b").unwrap());
    }

    #[test]
    fn the_file_is_private_and_a_public_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("doorward.secret");
        assert!(RootSecret::read(&path).unwrap().is_none());
        let secret = RootSecret::generate().unwrap();
        secret.write(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        RootSecret::generate().unwrap().write(&path).unwrap();
        assert_eq!(
            RootSecret::read(&path).unwrap().unwrap().0,
            secret.0,
            "the first one stays"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        fs::remove_file(&path).unwrap();
        fs::write(
            folder.path().join("doorward.secret.new"),
            "of a process that was killed",
        )
        .unwrap();
        secret.write(&path).unwrap();
        assert_eq!(RootSecret::read(&path).unwrap().unwrap().0, secret.0);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing unfinished stays"
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            RootSecret::read(&path)
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        assert!(RootSecret::read(&path).is_err());
    }
}
