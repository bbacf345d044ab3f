//! Room logs on MongoDB. The server is the one of `JIM_TEST_MONGO` (`scripts/services` starts it); where a test kills
//! or freezes a server, it has one of its own.

mod database;
mod fake;
mod faults;
mod nodes;
mod server;
mod start;

pub(crate) use database::{Database, OnMongo};
