//! A password from a terminal or from a pipe.

use std::io::{IsTerminal as _, stdin};

use zeroize::Zeroizing;

use super::exit::Exit;

/// Reads a password twice from a prompt without echo. If standard input is not a terminal, reads
/// its first line once.
pub fn read() -> Result<Zeroizing<String>, Exit> {
    if !stdin().is_terminal() {
        let mut line = Zeroizing::new(String::new());
        stdin().read_line(&mut line).map_err(Exit::failed)?;
        return Ok(Zeroizing::new(line.trim_end_matches(['\r', '\n']).to_owned()));
    }
    let ask = |prompt| {
        rpassword::prompt_password(prompt)
            .map(Zeroizing::new)
            .map_err(Exit::failed)
    };
    let (first, second) = (ask("Password: ")?, ask("Repeat the password: ")?);
    if first == second {
        Ok(first)
    } else {
        Err(Exit::failed("the two passwords are different"))
    }
}
