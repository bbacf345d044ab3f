//! Takes connections and serves HTTP/1.1 on them.
//!
//! In the place of poem's own server, which sets no `TCP_NODELAY`, has no deadline for a request's head, and spins on
//! errors of `accept`.

mod linger;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Scheme;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::linger::Lingering;

/// Most bytes of a request's head; above that the answer is 431.
const MAX_HEAD: usize = 16 * 1024;

/// Pause after an error of `accept`: with no file left, the next try fails at once.
const PAUSE: Duration = Duration::from_millis(75);

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// Until a request's head is there; also how long a connection may be idle.
    pub head: Duration,
    /// Until a connection is cut whose client does not acknowledge what was sent to it; on Linux.
    pub unread: Duration,
    /// Until open requests have ended after a stop.
    pub drain: Duration,
}

/// Serves connections until `stop`, then lets open requests end within the deadline. Sockets that were upgraded are
/// no longer its concern. Says whether all requests ended in time.
pub async fn serve<E>(listener: TcpListener, app: Arc<E>, deadlines: Deadlines, stop: CancellationToken) -> bool
where
    E: Endpoint<Output = Response> + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(deadlines.head).max_buf_size(MAX_HEAD);
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                connections.spawn(connection(
                    http.clone(),
                    stream,
                    remote,
                    app.clone(),
                    deadlines.unread,
                    stop.clone(),
                ));
            }
            Err(error) => {
                tracing::warn!(%error, "server.accept_failed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    tokio::time::timeout(deadlines.drain, connections.wait()).await.is_ok()
}

async fn connection<E>(
    http: http1::Builder,
    stream: TcpStream,
    remote: SocketAddr,
    app: Arc<E>,
    unread: Duration,
    stop: CancellationToken,
) where
    E: Endpoint<Output = Response> + 'static,
{
    // A peer that is gone already shows itself at the first read.
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(unread));
    let Ok(local) = stream.local_addr() else { return };
    let service = service_fn(move |request| {
        let app = app.clone();
        async move {
            let local = LocalAddr(Addr::SocketAddr(local));
            let remote = RemoteAddr(Addr::SocketAddr(remote));
            let request = poem::Request::from((request, local, remote, Scheme::HTTP));
            Ok::<_, Infallible>(hyper::Response::from(app.get_response(request).await))
        }
    });
    let mut connection =
        std::pin::pin!(http.serve_connection(TokioIo::new(Lingering::new(stream)), service).with_upgrades());
    // An error is the client's: it went away, or sent no HTTP.
    let _ = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
}
