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
            '"' => pass_text(&mut chars),
            '\'' => pass_character(&mut chars),
            ':' if chars.next_if_eq(&':').is_some() => tokens.push(Token::Path),
            c if c.is_whitespace() => {}
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if ["r", "br"].contains(&name.as_str()) && matches!(chars.peek(), Some('"' | '#')) {
                    pass_raw_text(&mut chars);
                } else {
                    tokens.push(Token::Name(name));
                }
            }
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

fn pass_text(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn pass_raw_text(chars: &mut Peekable<Chars<'_>>) {
    let mut hashes = 0;
    while chars.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    chars.next();
    while let Some(c) = chars.next() {
        let closes =
            |chars: &Peekable<Chars<'_>>| chars.clone().take(hashes).filter(|c| *c == '#').count() == hashes;
        if c == '"' && closes(chars) {
            return;
        }
    }
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
