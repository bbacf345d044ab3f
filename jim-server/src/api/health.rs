//! Whether this server lives and can serve.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};

use crate::api::Tag;

/// Longest time that a part has to show that it is up.
const PATIENCE: Duration = Duration::from_secs(2);

/// State of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum State {
    /// It works.
    Up,
    /// It does not.
    Down,
    /// It is not configured.
    Off,
}

/// The parts that a server consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Object)]
pub struct Parts {
    /// Accounts, friends, groups.
    pub store: State,
    /// Logs of rooms.
    pub logs: State,
    /// Between nodes.
    pub bus: State,
    /// Mail.
    pub mail: State,
}

impl Parts {
    /// Whether requests can be served. Without mail they can, and without the bus too: each node heals by itself what
    /// it did not hear, only later.
    fn are_ready(self) -> bool {
        [self.store, self.logs].iter().all(|part| *part != State::Down)
    }
}

/// Looks at the parts.
#[async_trait]
pub trait Probe: Send + Sync {
    /// How they are now.
    async fn parts(&self) -> Parts;
    /// What the parts cannot promise as they are set up, a sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

/// Tells how the server is.
pub struct HealthApi {
    probe: Arc<dyn Probe>,
}

impl HealthApi {
    /// Tells what a probe finds.
    #[must_use]
    pub fn new(probe: Arc<dyn Probe>) -> Self {
        HealthApi { probe }
    }
}

/// The process lives.
#[derive(Object)]
struct Live {
    /// Always `up`.
    status: State,
}

/// Whether requests can be served, and if not, why.
#[derive(Object)]
struct Readiness {
    /// All of it.
    status: State,
    /// Each part.
    parts: Parts,
    /// What the databases cannot promise as they are set up.
    #[oai(skip_serializing_if = "Vec::is_empty", default)]
    warnings: Vec<String>,
}

#[derive(ApiResponse)]
enum Ready {
    /// Requests can be served.
    #[oai(status = 200)]
    Up(Json<Readiness>),
    /// A part is down.
    #[oai(status = 503)]
    Down(Json<Readiness>),
}

#[OpenApi(tag = "Tag::Operation")]
#[expect(clippy::unused_async, reason = "poem-openapi wants every handler async")]
impl HealthApi {
    /// Whether the process lives
    #[oai(path = "/health/live", method = "get", operation_id = "live")]
    async fn live(&self) -> Json<Live> {
        Json(Live { status: State::Up })
    }

    /// Whether requests can be served
    ///
    /// Names the part that is down.
    #[oai(path = "/health/ready", method = "get", operation_id = "ready")]
    async fn ready(&self) -> Ready {
        let silent = Parts { store: State::Down, logs: State::Down, bus: State::Down, mail: State::Down };
        let parts = tokio::time::timeout(PATIENCE, self.probe.parts()).await.unwrap_or(silent);
        let warnings = self.probe.warnings().to_vec();
        if parts.are_ready() {
            Ready::Up(Json(Readiness { status: State::Up, parts, warnings }))
        } else {
            Ready::Down(Json(Readiness { status: State::Down, parts, warnings }))
        }
    }
}
