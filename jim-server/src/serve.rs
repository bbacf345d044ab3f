//! `jim serve`: from a configuration to a server that listens, until it is told to stop.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jim_core::hub::Close;
use jim_core::service::Actor;
use poem::EndpointExt as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{self, Deadlines};
use crate::api::{self, Api, HealthApi, MetaApi};
use crate::app::App;
use crate::body::BodyRules;
use crate::config::{BadConfig, Config};
use crate::edge::Rules;
use crate::gateway::events::Events;
use crate::gateway::{self, Gateway, GatewayOptions};
use crate::limit::Throttles;
use crate::wire;

/// How often counters that are full again are forgotten.
const PRUNE: Duration = Duration::from_mins(1);
/// How long clients may take to close their sockets when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);
/// How much longer than two heartbeats a peer may acknowledge nothing: who is slow is first told so.
const UNREAD: Duration = Duration::from_secs(15);

/// Serves until SIGTERM or Ctrl-C, then lets open requests end.
pub async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    for key in config.without_effect() {
        tracing::warn!(key, "config.without_effect");
    }
    let stop = CancellationToken::new();
    // Who reads that the server listens may stop it at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let backend = wire::backend(&config).await?;
    let jim = backend.jim.clone();
    // What an administrator has set counts more than the configuration.
    if jim.registrations().get(&Actor::SYSTEM).await? != config.auth.registration() {
        tracing::warn!(key = "auth.registration", "config.overridden");
    }
    let running = CancellationToken::new();
    let mut run = tokio::spawn({
        let (jim, running) = (jim.clone(), running.clone());
        async move { jim.run(running).await }
    });
    let sockets = TaskTracker::new();
    let api = Api::new(jim.clone(), Throttles::new(&config.rate, backend.counters.as_ref()));
    let surface = api::surface(&api, MetaApi::new(&config, jim.clone()), HealthApi::new(backend.probe.clone()));
    let heartbeat = Duration::from_secs(config.socket.heartbeat_seconds);
    let events = Events::new(jim.clone(), heartbeat, sockets.clone(), stop.clone());
    let gateway = Gateway::new(jim.clone(), gateway_options(&config), sockets.clone());
    let extra = vec![(gateway::PATH, gateway.boxed()), (gateway::events::PATH, events.boxed())];
    let app = App::new(surface, extra, &api, || rules(&config), config.server.ops_listen.is_some());

    let (listener, address) = bind("server.listen", config.server.listen).await?;
    let deadlines = Deadlines {
        head: Duration::from_secs(config.server.header_timeout_seconds),
        unread: heartbeat * 2 + UNREAD,
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

    let pruner = tokio::spawn(async move {
        loop {
            tokio::time::sleep(PRUNE).await;
            api.throttles.prune();
        }
    });

    let alive = tokio::select! {
        told = told_to_stop(&mut terminate) => { told?; true }
        // Without it nothing is stored: whoever watches this process must start it again.
        ended = &mut run => {
            tracing::error!(cause = ?ended.err(), "the backend has stopped by itself");
            false
        }
    };
    tracing::info!("server.stopping");
    stop.cancel();
    jim.hub().close_all(Close::Restart);
    let mut in_time = public.await?;
    if let Some(ops) = ops {
        in_time &= ops.await?;
    }
    // The lane stops last: what an open request has sent is stored and answered.
    running.cancel();
    if !alive {
        return Err("the backend has stopped by itself".into());
    }
    run.await?;
    sockets.close();
    in_time &= tokio::time::timeout(FAREWELL, sockets.wait()).await.is_ok();
    pruner.abort();
    tracing::info!(in_time, "server.stopped");
    Ok(())
}

fn gateway_options(config: &Config) -> GatewayOptions {
    GatewayOptions {
        allowed_origins: config.server.allowed_origins.clone(),
        heartbeat: Duration::from_secs(config.socket.heartbeat_seconds),
        frame_bytes: config.limits.frame_bytes as usize,
    }
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

async fn told_to_stop(terminate: &mut Signal) -> std::io::Result<()> {
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        told = tokio::signal::ctrl_c() => told,
    }
}
