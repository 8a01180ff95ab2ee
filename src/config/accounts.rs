//! Rules for accounts and their passwords.

use super::row::settings;
use super::values::{Switch, Whole};

settings! {
    /// Rules for accounts and their passwords.
    AccountSettings {
        registration_open: bool = "DOORWARD_REGISTRATION", "open", Switch("open", "closed"),
            "open or closed: whether POST /register accepts new accounts";
        password_grant: bool = "DOORWARD_PASSWORD_GRANT", "on", Switch("on", "off"),
            "on or off: whether a user name and password get a token; off: nobody logs in by password";
        password_min_length: usize = "DOORWARD_PASSWORD_MIN_LENGTH", "8", Whole(8, 64),
            "least characters of a new password, 8 to 64; NIST SP 800-63B-4 asks for 15 where it is the \
             only factor";
    }
}
