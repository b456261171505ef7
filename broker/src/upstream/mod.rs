//! One supervised connection a server.
