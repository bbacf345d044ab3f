//! Puts the server together. The only file that names adapters.

use std::sync::Arc;

use async_trait::async_trait;

use crate::api::health::{Parts, Probe, State};
use crate::api::{HealthApi, MetaApi, Surface};
use crate::config::{BadConfig, Config};

/// The API over the configured adapters.
#[expect(clippy::unused_async, reason = "adapters are opened here")]
pub async fn surface(config: &Config) -> Result<Surface, BadConfig> {
    Ok((MetaApi::new(config), HealthApi::new(Arc::new(Embedded))))
}

/// Brings the configured stores to this version.
#[expect(clippy::unused_async, reason = "stores are opened here")]
pub async fn migrate(_config: &Config) -> Result<(), BadConfig> {
    Ok(())
}

/// Everything in this process.
struct Embedded;

#[async_trait]
impl Probe for Embedded {
    async fn parts(&self) -> Parts {
        Parts { store: State::Up, logs: State::Up, bus: State::Up, mail: State::Off }
    }
}
