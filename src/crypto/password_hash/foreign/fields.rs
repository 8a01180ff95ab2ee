//! Fields of a stored text: numbers, named values and base64 in each of its alphabets.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Bytes of output that a hash may have: all that these systems write. Fewer let other
/// passwords in, more multiply the cost of PBKDF2.
const OUTPUT_BYTES: RangeInclusive<usize> = 16..=64;

/// Padded or not; with bits to spare or not, since bcrypt's own writers leave some.
pub(super) const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

pub(super) fn number(text: &str, within: &RangeInclusive<u32>) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && within.contains(number))
}

/// The values of `a=1,b=2` with exactly these names in this order.
pub(super) fn named<'text, const N: usize>(params: &'text str, names: [&str; N]) -> Option<[&'text str; N]> {
    let mut values = [""; N];
    let mut pairs = params.split(',');
    for (value, name) in values.iter_mut().zip(names) {
        *value = pairs.next()?.strip_prefix(name)?.strip_prefix('=')?;
    }
    pairs.next().is_none().then_some(values)
}

/// Decodes base64 in any of its alphabets: the standard one, the one for URLs, and passlib's, which
/// has '.' for '+'.
pub(super) fn bytes(base64: &str) -> Option<Vec<u8>> {
    let standard: String = base64
        .chars()
        .map(|c| {
            if matches!(c, '.' | '-') {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT)
        .decode(standard)
        .ok()
}

pub(super) fn output(base64: &str) -> Option<Vec<u8>> {
    bytes(base64).filter(|hash| OUTPUT_BYTES.contains(&hash.len()))
}
