//! One binary for all tests from outside the crate.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what it did not expect")]

mod blocks;
mod broken;
mod bus;
mod contract;
mod doors;
mod faulty;
mod groups;
mod hub;
mod log;
mod mails;
mod migrations;
mod mongo;
mod mysql;
mod node;
mod passwords;
mod presence;
mod properties;
mod rabbitmq;
mod reads;
mod redis;
mod removals;
mod rooms;
mod sessions;
mod shared;
mod sqlite;
mod transfer;
mod twins;
