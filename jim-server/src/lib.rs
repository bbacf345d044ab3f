//! The Jim server: configuration, HTTP and the socket around `jim-core`.

pub mod config;
pub mod limit;
pub mod source;
