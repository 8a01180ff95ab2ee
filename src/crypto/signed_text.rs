//! Signed texts: a prefix, then a payload and its tag in base64url. Opaque to clients, without a
//! row of their own.
//!
//! The tag is an HMAC-SHA-256, cut to `TAG` bytes, under an internal key: a copy of the database
//! mints nothing (RFC 6749 section 10.10, ASVS 7.2.3), and a forged text is refused before the
//! database is asked.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Longest payload with its tag, in bytes.
const LONGEST: usize = 64;
/// Room that the decoder asks for beyond the bytes that it writes.
const DECODER_SPARE: usize = 2;

/// Texts of one kind.
pub struct SignedText<const PAYLOAD: usize, const TAG: usize> {
    /// Beginning of every text of the kind.
    pub prefix: &'static str,
    /// Bytes that the tag covers before the payload, so that no two kinds under one key have a tag
    /// in common.
    pub domain: &'static [u8],
    /// Key of the tags.
    pub key: hmac::Key,
}

impl<const PAYLOAD: usize, const TAG: usize> SignedText<PAYLOAD, TAG> {
    const SIGNED: usize = {
        assert!(
            PAYLOAD + TAG <= LONGEST && TAG <= 32,
            "no room for payload and tag"
        );
        PAYLOAD + TAG
    };

    /// Text of a payload; the same each time.
    pub fn issue(&self, payload: &[u8; PAYLOAD]) -> String {
        let mut signed = [0; LONGEST];
        signed[..PAYLOAD].copy_from_slice(payload);
        signed[PAYLOAD..Self::SIGNED].copy_from_slice(&self.tag(payload).as_ref()[..TAG]);
        format!(
            "{}{}",
            self.prefix,
            URL_SAFE_NO_PAD.encode(&signed[..Self::SIGNED])
        )
    }

    /// Payload of a text that [`Self::issue`] made; none of any other text. The tag is compared in
    /// constant time.
    pub fn verify(&self, text: &str) -> Option<[u8; PAYLOAD]> {
        let encoded = text
            .strip_prefix(self.prefix)
            .filter(|encoded| Some(encoded.len()) == base64::encoded_len(Self::SIGNED, false))?;
        let mut signed = [0; LONGEST + DECODER_SPARE];
        let length = URL_SAFE_NO_PAD.decode_slice(encoded, &mut signed).ok()?;
        let (payload, tag) = signed[..length].split_first_chunk::<PAYLOAD>()?;
        let genuine = self.tag(payload);
        constant_time::verify_slices_are_equal(&genuine.as_ref()[..TAG], tag).ok()?;
        Some(*payload)
    }

    fn tag(&self, payload: &[u8; PAYLOAD]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(self.domain);
        context.update(payload);
        context.sign()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(prefix: &'static str, domain: &'static [u8], key: &[u8]) -> SignedText<12, 20> {
        SignedText {
            prefix,
            domain,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    #[test]
    fn a_text_is_read_by_its_own_prefix_domain_and_key() {
        let ours = texts("dwx_", b"one", b"key");
        let text = ours.issue(b"twelve bytes");
        assert_eq!(ours.verify(&text), Some(*b"twelve bytes"));
        for (prefix, domain, key) in [
            ("dwy_", "one", "key"),
            ("dwx_", "two", "key"),
            ("dwx_", "one", "yek"),
        ] {
            let theirs = texts(prefix, domain.as_bytes(), key.as_bytes());
            assert_eq!(theirs.verify(&text), None, "{prefix} {domain} {key}");
        }
        for bent in [
            "",
            "dwx_",
            &text[4..],
            &text[..text.len() - 1],
            &format!("{text}A"),
            &format!("{text}="),
        ] {
            assert_eq!(ours.verify(bent), None, "{bent}");
        }
    }
}
