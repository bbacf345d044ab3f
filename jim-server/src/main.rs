//! The Jim server.

fn main() {}
