//! What holds a connection within bounds: of its address, of its worker, of HTTP/2.

pub mod address_cap;
pub mod client_stream;
pub mod limits;
pub mod room;
pub mod streams;
