//! `jim serve`: from a configuration to a server that listens, until it is told to stop.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::accept::{self, Deadlines};
use crate::app::App;
use crate::body::BodyRules;
use crate::config::{BadConfig, Config};
use crate::edge::Rules;
use crate::wire;

/// Serves until SIGTERM or Ctrl-C, then lets open requests end.
pub async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    for key in config.without_effect() {
        tracing::warn!(key, "config.without_effect");
    }
    let stop = CancellationToken::new();
    let surface = wire::surface(&config).await?;
    let app = App::new(surface, || rules(&config), config.server.ops_listen.is_some());

    let (listener, address) = bind("server.listen", config.server.listen).await?;
    let deadlines = Deadlines {
        head: Duration::from_secs(config.server.header_timeout_seconds),
        drain: Duration::from_secs(config.server.drain_seconds),
    };
    let public = tokio::spawn(accept::serve(listener, Arc::new(app.public), deadlines, stop.clone()));
    tracing::info!(address = %address, "server.listening");
    let ops = match (app.ops, config.server.ops_listen) {
        (Some(ops), Some(wanted)) => {
            let (listener, address) = bind("server.ops_listen", wanted).await?;
            tracing::info!(address = %address, "server.ops_listening");
            Some(tokio::spawn(accept::serve(listener, Arc::new(ops), deadlines, stop.clone())))
        }
        _ => None,
    };

    told_to_stop().await?;
    tracing::info!("server.stopping");
    stop.cancel();
    let mut in_time = public.await?;
    if let Some(ops) = ops {
        in_time &= ops.await?;
    }
    tracing::info!(in_time, "server.stopped");
    Ok(())
}

fn rules(config: &Config) -> Rules {
    Rules {
        proxies: config.server.trusted_proxies.clone(),
        origins: config.server.allowed_origins.clone(),
        body: BodyRules {
            bytes: usize::try_from(config.limits.body_bytes).unwrap_or(usize::MAX),
            timeout: Duration::from_secs(config.server.body_timeout_seconds),
        },
    }
}

/// A listener and the address it got.
async fn bind(key: &str, wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), BadConfig> {
    let bound = async {
        let listener = TcpListener::bind(wanted).await?;
        let address = listener.local_addr()?;
        Ok::<_, std::io::Error>((listener, address))
    };
    bound.await.map_err(|error| BadConfig::at(key, format!("cannot listen on {wanted}: {error}")))
}

async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        told = tokio::signal::ctrl_c() => told,
    }
}
