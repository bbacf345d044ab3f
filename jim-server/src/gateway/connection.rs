//! One socket: frames of a listener go out, nothing but control frames comes in.

use std::future::ready;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, poll};
use jim_core::hub::{Close, Listener};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::GatewayOptions;

/// Frames that go out in one write.
pub(super) const TOGETHER: usize = 64;
/// Writes after which the client and the clock are looked at, whatever waits.
const IN_A_ROW: u32 = 8;
/// How long a client may take to read its farewell.
const FAREWELL: Duration = Duration::from_secs(10);
pub(super) const HEARTBEAT: &str = r#"{"type":"heartbeat"}"#;

/// Why a socket ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The hub said so.
    Hub(Close),
    /// The client left.
    Left,
    /// The client was silent for two heartbeats.
    Silent,
    /// The client sent data, and may only listen.
    Spoke,
    /// What the client sent is no WebSocket frame (RFC 6455, section 5).
    Broken,
}

fn config(frame_bytes: usize) -> WebSocketConfig {
    // The library's read buffer of 128 kB is filled with zeros at every poll, and kept by each idle socket.
    WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(4 * 1024)
        .max_message_size(Some(frame_bytes))
        .max_frame_size(Some(frame_bytes))
}

/// Says why at once, and hangs up.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(io: S, why: Close) -> Ended {
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config(128))).await;
    farewell(&mut socket, Ended::Hub(why)).await;
    Ended::Hub(why)
}

/// Brings a listener's frames to a socket until either ends.
pub(super) async fn serve<S>(io: S, mut listener: Listener, options: &GatewayOptions) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config(options.frame_bytes))).await;
    let ended = listen(&mut socket, &mut listener, options).await;
    // The hub forgets the listener before a slow client is waited for.
    drop(listener);
    farewell(&mut socket, ended).await;
    ended
}

async fn listen<S>(socket: &mut WebSocketStream<S>, listener: &mut Listener, options: &GatewayOptions) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut frames: Vec<Bytes> = Vec::new();
    let mut heartbeat = interval(options.heartbeat);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut heard = Instant::now();
    let mut writes = 0;
    loop {
        // Whoever is woken is so by a frame nearly always: what else may wait is not looked at before.
        tokio::select! {
            biased;
            next = listener.next(&mut frames, TOGETHER), if writes < IN_A_ROW => {
                writes += 1;
                if let Err(why) = next {
                    return Ended::Hub(why);
                }
                let texts = frames.drain(..).filter_map(|json| Some(Message::Text(Utf8Bytes::try_from(json).ok()?)));
                if let Err(ended) = write(socket, listener, options, texts).await {
                    return ended;
                }
                // What grew for a burst is not kept by an idle socket.
                frames.shrink_to(4);
            }
            message = socket.next() => match message {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => heard = Instant::now(),
                Some(
                    Ok(Message::Close(_))
                    | Err(
                        Error::Io(_)
                        | Error::ConnectionClosed
                        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake),
                    ),
                )
                | None => return Ended::Left,
                Some(Err(Error::Protocol(_))) => return Ended::Broken,
                // Data, or more of it than a frame may hold.
                Some(_) => return Ended::Spoke,
            },
            _ = heartbeat.tick() => {
                if heard.elapsed() >= options.heartbeat * 2 {
                    return Ended::Silent;
                }
                let beat = [Message::Text(Utf8Bytes::from_static(HEARTBEAT)), Message::Ping(Bytes::new())];
                if let Err(ended) = write(socket, listener, options, beat.into_iter()).await {
                    return ended;
                }
            }
            () = ready(()), if writes == IN_A_ROW => writes = 0,
        }
    }
}

/// Writes all that waits at once. A client that does not read is waited for until the hub gives it up, or for two
/// heartbeats.
async fn write<S>(
    socket: &mut WebSocketStream<S>,
    listener: &Listener,
    options: &GatewayOptions,
    messages: impl Iterator<Item = Message>,
) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut written = pin!(async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    });
    // The kernel has room nearly always: then there is nothing to wait for, and no timer to make.
    if let Poll::Ready(written) = poll!(&mut written) {
        return written.map_err(|_| Ended::Left);
    }
    tokio::select! {
        biased;
        written = written => written.map_err(|_| Ended::Left),
        why = listener.closed() => Err(Ended::Hub(why)),
        () = tokio::time::sleep(options.heartbeat * 2) => Err(Ended::Hub(Close::TooSlow)),
    }
}

/// Why a client is closed: the code, and what to do in short.
pub(super) fn reason(ended: Ended) -> (u16, &'static str) {
    match ended {
        Ended::Hub(Close::Restart) => (1012, "restart: resume"),
        Ended::Hub(Close::SessionEnded) => (4401, "session ended: log in"),
        Ended::Hub(Close::TooSlow) => (4408, "too slow: resume"),
        Ended::Hub(Close::Replaced) => (4409, "replaced: do not reconnect"),
        Ended::Hub(Close::TooMany) => (4429, "too many sockets"),
        Ended::Hub(_) => (1012, "resume"),
        Ended::Broken => (1002, "not a WebSocket frame"),
        Ended::Spoke => (1003, "you may only listen"),
        Ended::Left | Ended::Silent => (1000, ""),
    }
}

/// Tells the client why it is closed and what to do, if it reads.
async fn farewell<S>(socket: &mut WebSocketStream<S>, ended: Ended)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (code, reason) = reason(ended);
    let frame = CloseFrame { code: CloseCode::from(code), reason: Utf8Bytes::from_static(reason) };
    let goodbye = async {
        if ended == Ended::Left {
            // The library has the answer to the client's own close frame ready, and takes no other.
            let _ = socket.flush().await;
        } else if socket.close(Some(frame)).await.is_err() {
            return;
        }
        // The client answers with its own close frame; only then is it certain to have read ours.
        while let Some(Ok(_)) = socket.next().await {}
    };
    let patience = if matches!(ended, Ended::Silent) { Duration::from_secs(1) } else { FAREWELL };
    let _ = timeout(patience, goodbye).await;
}
