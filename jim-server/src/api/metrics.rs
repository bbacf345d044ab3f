//! What a node has done, for Prometheus.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use poem_openapi::OpenApi;
use poem_openapi::payload::PlainText;

use super::{Api, Tag};

/// Tells what a node has done.
pub struct MetricsApi(pub(super) Api);

#[OpenApi(tag = "Tag::Operation")]
#[expect(clippy::unused_async, reason = "poem-openapi wants every handler async")]
impl MetricsApi {
    /// What this node has done
    ///
    /// In the text format of Prometheus.
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> PlainText<String> {
        let jim = &self.0.jim;
        let stats = jim.stats();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::new();
        let mut add = |name: &str, kind: &str, help: &str, value: u64| {
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        };
        let connections = jim.hub().connections() as u64;
        add("jim_connections", "gauge", "Sockets that are open.", connections);
        add("jim_sends_total", "counter", "Entries appended to room logs.", read(&stats.appended));
        add("jim_commits_total", "counter", "Durable commits in which they were appended.", read(&stats.batches));
        add("jim_encodings_total", "counter", "Events encoded for sockets.", read(&stats.encoded));
        add("jim_deliveries_total", "counter", "Frames handed to sockets.", read(&stats.delivered));
        PlainText(text)
    }
}
