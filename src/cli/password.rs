//! A password typed at a terminal or piped in.

use std::io::{IsTerminal as _, stdin};

use zeroize::Zeroizing;

use super::Exit;

/// Reads a password from a prompt that shows nothing, twice; where there is no terminal, the first
/// line of standard input.
pub fn read() -> Result<Zeroizing<String>, Exit> {
    if !stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        stdin().read_line(&mut line).map_err(Exit::failed)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |words| {
        rpassword::prompt_password(words)
            .map(Zeroizing::new)
            .map_err(Exit::failed)
    };
    let (first, second) = (ask("Password: ")?, ask("Once more: ")?);
    if first == second {
        Ok(first)
    } else {
        Err(Exit::failed("the two passwords differ"))
    }
}
