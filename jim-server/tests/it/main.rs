//! The server from outside: the real binary, or its edge with a small API, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests too")]

mod accounts;
mod admins;
mod big_groups;
mod blocks;
mod body;
mod checker;
mod cluster;
mod command;
mod connections;
mod converge;
mod conversations;
mod data_folder;
mod digest;
mod edge;
mod erasing;
mod farewell;
mod fault;
mod features;
mod frames;
mod friends;
mod group_races;
mod groups;
mod handshake;
mod input;
mod joining;
mod logs;
mod mail;
mod messages;
mod moderation;
mod nonsense;
mod people;
mod pins;
mod push;
mod reads;
mod replies;
mod retraction;
mod routing;
mod sessions;
mod support;
mod sync;
mod tokens;
mod transfer;
mod typing;
mod world;
