//! The same frames as server-sent events (HTML, section 9.2), for clients behind proxies that break sockets.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{Stream, stream};
use jim_core::Jim;
use jim_core::hub::{Close, Listener};
use poem::{Body, Endpoint, Request, Response};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::bearer;
use super::connection::{Ended, HEARTBEAT, TOGETHER, reason};
use crate::problem::ApiError;
use crate::visit::Visit;

/// Where events are read.
pub(crate) const PATH: &str = "/api/v1/events";

/// `GET /api/v1/events`.
pub(crate) struct Events {
    jim: Jim,
    heartbeat: Duration,
    readers: TaskTracker,
    stop: CancellationToken,
}

impl Events {
    /// Readers are counted by the tracker, and told that the server restarts when it stops.
    pub(crate) fn new(jim: Jim, heartbeat: Duration, readers: TaskTracker, stop: CancellationToken) -> Self {
        Events { jim, heartbeat, readers, stop }
    }

    async fn open(&self, request: &Request) -> Result<Response, ApiError> {
        let token = bearer(request.headers()).ok_or(jim_core::Code::AuthRequired)?;
        let caller = self.jim.sessions().authenticate(&token).await?;
        if let Some(visit) = Visit::of(request) {
            visit.set_user(caller.user);
        }
        // It has a limit of its own.
        let attached = Visit::unhurried(request, self.jim.hub().attach(caller.user, caller.session)).await?;
        let source = match attached {
            Ok(listener) => Source::Open(Box::new(listener)),
            Err(why) => Source::Refused(why),
        };
        let mut heartbeat = interval(self.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        let reader = Reader { source, heartbeat, stop: self.stop.clone(), _counted: self.readers.token() };
        let response = Response::builder().content_type("text/event-stream").header("x-accel-buffering", "no");
        Ok(response.body(Body::from_bytes_stream(reader.events())))
    }
}

impl Endpoint for Events {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(self.open(&request).await?)
    }
}

/// Where events come from.
enum Source {
    Open(Box<Listener>),
    /// There is nothing to read, and this is why.
    Refused(Close),
    /// The last event was read.
    Ended,
}

/// One client that reads. It is asked for more when the connection has taken what was read before, so a client that
/// does not read fills its queue in the hub, and is closed as a socket is.
struct Reader {
    source: Source,
    heartbeat: Interval,
    stop: CancellationToken,
    _counted: TaskTrackerToken,
}

impl Reader {
    fn events(self) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        stream::unfold(self, async |mut reader| Some((Ok(reader.next().await?), reader)))
    }

    /// What is to be written next; `None` after the farewell.
    async fn next(&mut self) -> Option<Bytes> {
        let mut frames = Vec::new();
        let ended = match &mut self.source {
            Source::Open(listener) => tokio::select! {
                biased;
                next = listener.next(&mut frames, TOGETHER) => next.err(),
                () = self.stop.cancelled() => Some(Close::Restart),
                _ = self.heartbeat.tick() => {
                    frames.push(Bytes::from_static(HEARTBEAT.as_bytes()));
                    None
                }
            },
            Source::Refused(why) => Some(*why),
            Source::Ended => return None,
        };
        if let Some(why) = ended {
            // The hub forgets the listener before the client has read its farewell.
            self.source = Source::Ended;
            return Some(farewell(why));
        }
        Some(events(&frames))
    }
}

/// Frames are JSON of one line.
fn events(frames: &[Bytes]) -> Bytes {
    let mut text = BytesMut::with_capacity(frames.iter().map(|frame| frame.len() + 8).sum());
    for frame in frames {
        text.put_slice(b"data: ");
        text.put_slice(frame);
        text.put_slice(b"\n\n");
    }
    text.freeze()
}

/// Why there is nothing more to read.
fn farewell(why: Close) -> Bytes {
    let (code, reason) = reason(Ended::Hub(why));
    format!("event: close\ndata: {{\"code\":{code},\"reason\":\"{reason}\"}}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_apart_and_the_last_one_says_why() {
        let frames = [Bytes::from_static(b"{\"a\":1}"), Bytes::from_static(HEARTBEAT.as_bytes())];
        assert_eq!(events(&frames), "data: {\"a\":1}\n\ndata: {\"type\":\"heartbeat\"}\n\n");
        let last = farewell(Close::SessionEnded);
        assert_eq!(last, "event: close\ndata: {\"code\":4401,\"reason\":\"session ended: log in\"}\n\n");
    }
}
