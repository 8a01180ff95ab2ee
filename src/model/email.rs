//! E-mail addresses: what people may register with, how it is shown, and what makes two addresses
//! the same.
//!
//! Narrower than RFC 5321 on purpose: no quoted local parts, comments or IP literals (ASVS 1.3.11).
//! The shown form is as typed with the domain in lower case. The key folds ASCII letters only and
//! writes the domain as A-labels (RFC 5891); a character that would *become* ASCII by
//! normalisation, such as U+212A KELVIN SIGN, is refused, so that no look-alike ever reaches
//! another's account.

use unicode_normalization::UnicodeNormalization;

use super::invalid::Invalid;

const MAX_LOCAL_BYTES: usize = 64;
const MAX_TOTAL_BYTES: usize = 254;

/// A valid address in the form to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    shown: String,
    key: EmailKey,
}

/// The canonical form that is unique over all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, sqlx::Type)]
#[sqlx(transparent)]
pub struct EmailKey(String);

impl EmailKey {
    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// Parses an address; `field` is the name of the input that a refusal speaks of.
    ///
    /// # Errors
    /// [`Invalid`] of kind `value_error`, naming the rule (RFC 5321 section 4.5.3.1 for the
    /// lengths).
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let refuse = |why: &'static str| Invalid::field(field, "value_error", why);
        if text.len() > 4 * MAX_TOTAL_BYTES {
            return Err(refuse(
                "value is not a valid email address: The email address is too long.",
            ));
        }
        if text.chars().any(becomes_ascii) {
            return Err(refuse(
                "value is not a valid email address: It contains a look-alike of an ASCII character.",
            ));
        }
        let text: String = text.nfc().collect();
        let Some((local, domain)) = text.split_once('@') else {
            return Err(refuse(
                "value is not a valid email address: An email address must have an @-sign.",
            ));
        };
        if !local_is_valid(local) {
            return Err(refuse(
                "value is not a valid email address: The part before the @-sign is not valid.",
            ));
        }
        let Some((shown_domain, ascii_domain)) = parse_domain(domain) else {
            return Err(refuse(
                "value is not a valid email address: The part after the @-sign is not valid.",
            ));
        };
        let shown = format!("{local}@{shown_domain}");
        let key = format!("{}@{ascii_domain}", local.to_ascii_lowercase());
        if shown.len() > MAX_TOTAL_BYTES || key.len() > MAX_TOTAL_BYTES {
            return Err(refuse(
                "value is not a valid email address: The email address is too long.",
            ));
        }
        Ok(Self {
            shown,
            key: EmailKey(key),
        })
    }

    /// Parses an address that is new: of a registration or a change of address. Unlike
    /// [`Self::parse`] it refuses compatibility characters before the @, such as U+FB01 and
    /// full-width letters, which look like another address. An account that has one keeps it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_new(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let email = Self::parse(field, text)?;
        let local = || email.shown.split('@').next().unwrap_or_default().chars();
        if local().nfkc().ne(local()) {
            let why = "value is not a valid email address: It contains a look-alike of another character.";
            return Err(Invalid::field(field, "value_error", why));
        }
        Ok(email)
    }

    /// The address to show.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.shown
    }

    /// The canonical key.
    #[must_use]
    pub fn key(&self) -> &EmailKey {
        &self.key
    }
}

/// Reads an address that is stored.
impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse("email", &text).map_err(|_| "no valid address")
    }
}

fn becomes_ascii(c: char) -> bool {
    !c.is_ascii() && std::iter::once(c).nfc().all(|normal| normal.is_ascii())
}

/// A dot-atom (RFC 5322 section 3.2.3), letters and digits of any script allowed (RFC 6532).
fn local_is_valid(local: &str) -> bool {
    let allowed = |c: char| {
        if c.is_ascii() {
            is_atext(c)
        } else {
            c.is_alphanumeric()
        }
    };
    local.len() <= MAX_LOCAL_BYTES
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(allowed))
}

fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// The domain to show (Unicode) and the one to compare (A-labels), if it is a host name of two
/// labels or more.
fn parse_domain(domain: &str) -> Option<(String, String)> {
    let ascii = idna::domain_to_ascii_strict(domain).ok()?;
    let labels = || ascii.split('.');
    let last = labels().next_back()?;
    let well_formed = labels().count() >= 2
        && labels().all(|label| !label.is_empty())
        && !last.bytes().all(|b| b.is_ascii_digit());
    // A label that was not ASCII must still not be: mapping full-width letters to ASCII would make
    // two spellings one account.
    let honest = domain.split('.').count() == labels().count()
        && domain
            .split('.')
            .zip(labels())
            .all(|(typed, mapped)| typed.is_ascii() || mapped.starts_with("xn--"));
    let (shown, valid) = idna::domain_to_unicode(&ascii);
    (well_formed && honest && valid.is_ok()).then_some((shown, ascii))
}

#[cfg(test)]
mod tests;
