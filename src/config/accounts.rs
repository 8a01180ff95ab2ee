//! Rules for accounts and their passwords.

use super::row::settings;
use super::values::{Switch, Whole};

settings! {
    /// Rules for accounts and their passwords.
    AccountSettings {
        registration_open: bool = "DOORWARD_REGISTRATION", "open", Switch("open", "closed"),
            "open or closed: POST /register creates new accounts or refuses them";
        password_grant: bool = "DOORWARD_PASSWORD_GRANT", "on", Switch("on", "off"),
            "on or off: login by user name and password; off refuses every login, and only refreshes work";
        password_min_length: usize = "DOORWARD_PASSWORD_MIN_LENGTH", "8", Whole(8, 64),
            "minimum length of a new password in characters, 8 to 64; NIST SP 800-63B-4 requires 15 if the \
             password is the only factor";
    }
}
