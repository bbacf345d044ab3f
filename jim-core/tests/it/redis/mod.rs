//! The Redis side against real servers: those of `scripts/services`, and own ones where a server is killed or moved.

mod cluster;
mod nodes;
mod outage;
mod sentinel;
mod server;
mod shared;
