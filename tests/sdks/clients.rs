//! OAuth clients that others wrote find their way unchanged.

use super::{House, node, python, root};

#[test]
fn authlib_and_requests_oauthlib_log_in_refresh_introspect_and_revoke() {
    let house = House::open();
    house.converse(
        python(&root().join("tests/sdks/clients.py"))
            .arg(house.url())
            .env("OAUTHLIB_INSECURE_TRANSPORT", "1")
            .env("AUTHLIB_INSECURE_TRANSPORT", "1"),
    );
}

#[test]
fn openid_client_and_oauth4webapi_log_in_refresh_introspect_and_revoke() {
    let house = House::open();
    house.converse(node(&root().join("tests/sdks/clients.mjs")).arg(house.url()));
}
