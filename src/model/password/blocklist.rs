//! List of common passwords, and the rule by which a password is one of them in disguise.
//!
//! The list is part of the program as text, and is searched as it is: nothing is built at the start.
//! The rule can be told in a sentence, unlike an estimate of strength, and its work is bounded: the
//! length of the text times a constant.

use zeroize::Zeroizing;

/// Common passwords, lower case, sorted, one a line; the head of the file names its source.
const COMMON: &str = include_str!("../common_passwords.txt");
/// Length of the longest line in bytes.
const LONGEST: usize = 21;
/// Length of the shortest line in bytes.
const SHORTEST: usize = 4;

/// Readings of a text: as it is, and with letters for what looks like them, where an upright line
/// stands for `l` or for `i`.
const READINGS: [[u8; 256]; 3] = [reading(None), reading(Some(b'l')), reading(Some(b'i'))];

/// Whether a text in lower case is a line of the list, or becomes one without the digits and
/// punctuation at its end, with letters in place of the characters that look like them, or when it
/// is one piece over and over and that piece is taken once.
pub fn is_disguised(folded: &str) -> bool {
    let is_tail = |c: char| c.is_ascii_digit() || c.is_ascii_punctuation();
    let without_tail = folded.trim_end_matches(is_tail).len();
    READINGS.iter().any(|reading| {
        // ASCII becomes ASCII and all else stays, so every length is the same as before.
        let read = Zeroizing::new(
            folded
                .bytes()
                .map(|b| reading[usize::from(b)])
                .collect::<Vec<u8>>(),
        );
        (without_tail..=read.len().min(LONGEST)).any(|end| is_common(&read[..end]))
            || [without_tail, read.len()]
                .into_iter()
                .filter_map(|end| piece(&read[..end]))
                .any(is_common)
    })
}

/// The byte to read in place of each byte; `bar` is the letter for an upright line, and none if
/// every byte stays.
const fn reading(bar: Option<u8>) -> [u8; 256] {
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let byte = at.to_le_bytes()[0];
        table[at] = match bar {
            Some(bar) => letter(byte, bar),
            None => byte,
        };
        at += 1;
    }
    table
}

/// The letter that a byte looks like, or the byte itself.
const fn letter(byte: u8, bar: u8) -> u8 {
    match byte {
        b'4' | b'@' => b'a',
        b'8' => b'b',
        b'(' => b'c',
        b'3' => b'e',
        b'9' => b'g',
        b'1' | b'!' | b'|' => bar,
        b'0' => b'o',
        b'5' | b'$' => b's',
        b'7' | b'+' => b't',
        b'2' => b'z',
        _ => byte,
    }
}

/// The piece that a text repeats from end to end, if a line can be that long.
fn piece(text: &[u8]) -> Option<&[u8]> {
    (SHORTEST..=LONGEST.min(text.len() / 2))
        .find(|length| text.len().is_multiple_of(*length) && text[*length..] == text[..text.len() - length])
        .map(|length| &text[..length])
}

/// Whether a text in lower case is a line of the list.
fn is_common(folded: &[u8]) -> bool {
    if !(SHORTEST..=LONGEST).contains(&folded.len()) {
        return false;
    }
    let list = COMMON
        .split_once('\n')
        .map_or("", |(_source, list)| list.trim_end());
    // The lines are sorted: halve the text, then step back to the start of the line that the middle
    // fell into.
    let (mut low, mut high) = (0, list.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        let start = list.as_bytes()[..middle]
            .iter()
            .rposition(|&b| b == b'\n')
            .map_or(0, |at| at + 1);
        let end = list.as_bytes()[start..]
            .iter()
            .position(|&b| b == b'\n')
            .map_or(list.len(), |at| start + at);
        match list.as_bytes()[start..end].cmp(folded) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_long_sorted_and_found_from_end_to_end() {
        let lines: Vec<&str> = COMMON.lines().skip(1).collect();
        assert!(lines.len() >= 3000, "{}", lines.len());
        assert!(lines.is_sorted());
        let lengths = || lines.iter().map(|line| line.len());
        assert_eq!(
            (lengths().min(), lengths().max()),
            (Some(SHORTEST), Some(LONGEST))
        );
        for line in &lines {
            assert!(is_common(line.as_bytes()), "{line}");
            assert_eq!(*line, line.to_lowercase());
        }
        for other in ["", "zzzzzzzzzzzzzzzzzzzz~", "\u{1}\u{1}\u{1}\u{1}"] {
            assert!(!is_common(other.as_bytes()), "{other:?}");
        }
    }
}
