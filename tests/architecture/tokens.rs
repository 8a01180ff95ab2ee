//! Rust source as tokens: names and signs, without comments, texts and what is for tests only.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// A name or keyword.
    Name(String),
    /// `::`.
    Path,
    /// Any other sign.
    Sign(char),
}

impl Token {
    pub fn is(&self, name: &str) -> bool {
        matches!(self, Self::Name(own) if own == name)
    }

    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Path | Self::Sign(_) => None,
        }
    }
}

/// The tokens of a text.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => drop(chars.by_ref().find(|c| *c == '\n')),
            '"' => {
                let _ends = pass_text(&mut chars);
            }
            '\'' => pass_character(&mut chars),
            ':' if chars.next_if_eq(&':').is_some() => tokens.push(Token::Path),
            c if c.is_whitespace() => {}
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if ["r", "br"].contains(&name.as_str()) && matches!(chars.peek(), Some('"' | '#')) {
                    let _ends = pass_raw_text(&mut chars);
                } else {
                    tokens.push(Token::Name(name));
                }
            }
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

/// A source with its texts emptied; what is left of a line stays on the line.
pub fn without_texts(source: &str) -> String {
    let mut kept = String::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        let is_raw = c == 'r' && matches!(chars.peek(), Some('"' | '#'));
        kept.push(c);
        let ends = match c {
            '/' if chars.peek() == Some(&'/') => {
                kept.extend(std::iter::from_fn(|| chars.next_if(|c| *c != '\n')));
                0
            }
            '"' => pass_text(&mut chars),
            '\'' => {
                pass_character(&mut chars);
                0
            }
            _ if is_raw => pass_raw_text(&mut chars),
            _ => 0,
        };
        kept.extend(std::iter::repeat_n('\n', ends));
    }
    kept
}

/// Passes a text; gives the number of line ends in it.
fn pass_text(chars: &mut Peekable<Chars<'_>>) -> usize {
    let mut ends = 0;
    while let Some(c) = chars.next() {
        let passed = if c == '\\' { chars.next() } else { Some(c) };
        ends += usize::from(passed == Some('\n'));
        if c == '"' {
            break;
        }
    }
    ends
}

/// Passes a raw text from behind its `r`; gives the number of line ends in it.
fn pass_raw_text(chars: &mut Peekable<Chars<'_>>) -> usize {
    let mut hashes = 0;
    while chars.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    chars.next();
    let mut ends = 0;
    while let Some(c) = chars.next() {
        ends += usize::from(c == '\n');
        let closes =
            |chars: &Peekable<Chars<'_>>| chars.clone().take(hashes).filter(|c| *c == '#').count() == hashes;
        if c == '"' && closes(chars) {
            break;
        }
    }
    ends
}

/// A character, or the name of a lifetime.
fn pass_character(chars: &mut Peekable<Chars<'_>>) {
    match chars.next() {
        Some('\\') => drop(chars.by_ref().skip(1).find(|c| *c == '\'')),
        _ => drop(chars.next_if_eq(&'\'')),
    }
}

/// The tokens without items that are compiled for tests only.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 4] = ["cfg", "(", "test", ")"];
    let mut kept = Vec::new();
    let mut rest = tokens;
    while let Some(first) = rest.first() {
        let attribute = rest.strip_prefix(&[Token::Sign('#'), Token::Sign('[')]);
        let is_mark = attribute.is_some_and(|inside| {
            MARK.iter()
                .zip(inside)
                .filter(|(wanted, token)| text(token) == **wanted)
                .count()
                == MARK.len()
        });
        if is_mark {
            rest = &rest[item_length(rest)..];
        } else {
            kept.push(first.clone());
            rest = &rest[1..];
        }
    }
    kept
}

fn text(token: &Token) -> String {
    match token {
        Token::Name(name) => name.clone(),
        Token::Path => "::".to_owned(),
        Token::Sign(sign) => sign.to_string(),
    }
}

/// How many tokens an item has, with its attributes: to its `;`, or to the end of its braces.
fn item_length(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('{' | '[' | '(') => depth += 1,
            Token::Sign(closing @ ('}' | ']' | ')')) => {
                depth -= 1;
                if depth == 0 && *closing == '}' {
                    return at + 1;
                }
            }
            Token::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}
