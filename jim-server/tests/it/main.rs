//! The server from outside: the real binary, or its edge with a small API, over real sockets.

mod body;
mod command;
mod edge;
mod harness;
mod socket;
