//! Passwords: the rules for one that is set (NIST SP 800-63B-4 section 3.1.1.2), and for one that
//! is tried.
//!
//! No composition rules and no expiry. Text is brought to NFC (RFC 8265 section 4.2) and never cut.
//! A text that no account can have is not hashed when tried, so a login with it costs nothing. The
//! memory is wiped on drop. The text as typed is kept beside NFC where the two differ: other
//! systems hashed it as it came.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::email::Email;
use super::invalid::Invalid;

mod blocklist;

/// The longest password in bytes of UTF-8, before and after normalisation.
pub const MAX_BYTES: usize = 1024;

/// A password in NFC, free of control characters, of at most [`MAX_BYTES`] bytes.
pub struct Password {
    normal: Zeroizing<String>,
    /// The text before normalisation, if that changed it.
    typed: Option<Zeroizing<String>>,
}

impl Password {
    /// Takes a password to try against a stored hash; none if no account could have it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES || text.chars().any(char::is_control) {
            return None;
        }
        // NFC can triple a text; room for that keeps the buffer from moving and leaving a copy
        // behind.
        let mut normal = Zeroizing::new(String::with_capacity(3 * text.len()));
        normal.extend(text.nfc());
        let typed = (*normal != text).then(|| Zeroizing::new(text.to_owned()));
        (normal.len() <= MAX_BYTES).then_some(Self { normal, typed })
    }

    /// Takes a password to set for `email`; `min_length` counts code points.
    ///
    /// # Errors
    /// [`Invalid`] naming the rule: length, control characters, or the blocklist (ASVS 6.2.1,
    /// 6.2.4, 6.2.11).
    pub fn parse_new(
        field: &'static str,
        text: &str,
        min_length: usize,
        email: Option<&Email>,
    ) -> Result<Self, Invalid> {
        if text.chars().any(char::is_control) {
            return Err(Invalid::field(
                field,
                "value_error",
                "Value error, password must not contain control characters",
            ));
        }
        let Some(password) = Self::parse(text) else {
            let message = format!("String should have at most {MAX_BYTES} bytes");
            return Err(Invalid::field(field, "string_too_long", message));
        };
        if password.normal.chars().count() < min_length {
            let message = format!("String should have at least {min_length} characters");
            return Err(Invalid::field(field, "string_too_short", message));
        }
        match password.weakness(email) {
            Some(why) => Err(Invalid::field(field, "value_error", why)),
            None => Ok(password),
        }
    }

    /// The bytes to hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// The bytes as they were typed, if those are others than [`Self::as_bytes`]: a system that
    /// does not normalise hashed these.
    #[must_use]
    pub fn as_typed(&self) -> Option<&[u8]> {
        self.typed.as_ref().map(|typed| typed.as_bytes())
    }

    /// Reason why a guesser would try this very password first. Whole strings are compared, without
    /// regard to case; the list is also compared with what is left of a common password's usual
    /// disguises.
    fn weakness(&self, email: Option<&Email>) -> Option<&'static str> {
        let folded = Zeroizing::new(self.normal.to_lowercase());
        if blocklist::is_disguised(&folded) {
            return Some("Value error, password is one of the most common ones");
        }
        if is_run(&folded) {
            return Some("Value error, password is a mere repetition or sequence");
        }
        let about_us =
            folded.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation()) == "doorward";
        let about_them = email.is_some_and(|email| {
            let shown = email.as_str().to_lowercase();
            let local = shown.split('@').next().unwrap_or_default();
            *folded == shown || *folded == local
        });
        (about_us || about_them).then_some("Value error, password is the service's name or your own address")
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// One step for the whole text: `aaaaaaaa`, `12345678`, `hgfedcba`; or one short piece over and
/// over: `abcabcabc`.
fn is_run(text: &str) -> bool {
    let codes: Vec<i64> = text.chars().map(|c| i64::from(u32::from(c))).collect();
    let steps = || codes.windows(2).map(|pair| pair[1] - pair[0]);
    let sequence = steps()
        .next()
        .is_some_and(|first| first.abs() <= 1 && steps().all(|step| step == first));
    let repeats = (1..=4)
        .any(|period| codes.len() > 2 * period && codes.iter().zip(&codes[period..]).all(|(a, b)| a == b));
    sequence || repeats
}

#[cfg(test)]
mod tests;
