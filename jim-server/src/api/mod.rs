//! The REST API: one file per tag, requests and answers beside their handlers.

pub mod health;
pub mod meta;

use poem_openapi::Tags;

pub use self::health::HealthApi;
pub use self::meta::MetaApi;

/// All of the API.
pub type Surface = (MetaApi, HealthApi);

/// What operations are grouped by.
#[derive(Debug, Clone, Copy, Tags)]
pub enum Tag {
    /// What this server is and allows.
    Meta,
    /// For those who run the server; not under the API's base.
    Operation,
}
