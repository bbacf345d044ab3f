//! The Jim server: configuration, HTTP and the socket around `jim-core`.

pub mod accept;
pub mod admin;
pub mod api;
pub mod app;
pub mod bar;
pub mod body;
pub mod config;
mod cors;
mod docs;
pub mod edge;
pub mod external;
mod gateway;
pub mod limit;
pub mod movement;
pub mod openapi;
mod patience;
mod picture;
pub mod problem;
pub mod reply;
pub mod serve;
pub mod source;
pub mod telemetry;
pub mod time;
pub mod verify;
pub mod visit;
pub mod wire;
