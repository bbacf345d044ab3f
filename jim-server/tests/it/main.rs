//! The server from outside: the real binary, or its edge with a small API, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests too")]

mod accounts;
mod body;
mod checker;
mod command;
mod edge;
mod fault;
mod harness;
mod sessions;
mod socket;
mod support;
mod tokens;
