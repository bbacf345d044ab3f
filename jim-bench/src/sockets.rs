//! Receivers: raw sockets that count frames and look into none.

use std::io;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::Res;
use crate::frames::{Frames, Seen};
use crate::http::head_end;
use crate::process::Server;

/// Handshakes at once.
const TOGETHER: usize = 64;
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked whether messages have arrived.
const LOOK: Duration = Duration::from_millis(1);
/// Bytes that a stalled receiver's machine takes.
const WINDOW: u32 = 4096;
/// Bytes of a segment on its way, as over a network; for those of the loopback the kernel keeps megabytes.
const SEGMENT: u32 = 1448;
/// Files that a process needs besides its sockets.
const SPARE_FILES: u64 = 200;
/// A pong without words, under a mask of zeros.
const PONG: [u8; 6] = [0x8A, 0x80, 0, 0, 0, 0];

/// How many sockets to open when so many are wanted, and each side may have so many files.
pub(crate) fn allowed(wanted: usize, driver_files: u64, server_files: u64) -> usize {
    let most = driver_files.min(server_files).saturating_sub(SPARE_FILES);
    wanted.min(usize::try_from(most).unwrap_or(usize::MAX))
}

#[derive(Default)]
struct Received {
    messages: AtomicU64,
    length: AtomicU64,
    closed: AtomicU64,
    arrivals: Option<Arrivals>,
}

/// When each message came: the n-th message of one socket is the n-th of all.
struct Arrivals {
    began: Instant,
    messages: Vec<Arrival>,
}

/// One message.
#[derive(Default)]
struct Arrival {
    sockets: AtomicUsize,
    /// When it came to the last of them, in microseconds.
    last: AtomicU64,
}

impl Arrivals {
    fn note(&self, messages: Range<usize>) {
        let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        for message in self.messages.iter().take(messages.end).skip(messages.start) {
            message.last.fetch_max(now, Relaxed);
            message.sockets.fetch_add(1, Relaxed);
        }
    }
}

/// Open sockets; they close when this is dropped.
#[derive(Default)]
pub(crate) struct Receivers {
    received: Arc<Received>,
    sockets: JoinSet<()>,
}

impl Receivers {
    /// Receivers that note when messages come, of so many at the most.
    pub(crate) fn timed(most: usize) -> Self {
        let messages = std::iter::repeat_with(Arrival::default).take(most).collect();
        let arrivals = Some(Arrivals { began: Instant::now(), messages });
        Receivers { received: Arc::new(Received { arrivals, ..Received::default() }), sockets: JoinSet::new() }
    }

    /// Opens so many sockets of one person more, each of which has got its first frame.
    pub(crate) async fn open(&mut self, address: &str, token: &str, count: usize) -> Res<()> {
        self.open_each(address, &vec![token; count]).await
    }

    /// The same with one socket for each token.
    pub(crate) async fn open_each(&mut self, address: &str, tokens: &[impl AsRef<str>]) -> Res<()> {
        let mut openers = JoinSet::new();
        for opener in 0..TOGETHER.min(tokens.len()) {
            let address = address.to_owned();
            let requests: Vec<String> =
                tokens.iter().skip(opener).step_by(TOGETHER).map(|token| handshake(token.as_ref())).collect();
            openers.spawn(async move {
                let mut opened = Vec::new();
                for request in requests {
                    let socket = timeout(PATIENCE, open(TcpStream::connect(&address).await?, request.as_bytes()));
                    opened.push(socket.await.map_err(|_| "a socket does not open")??);
                }
                Res::Ok(opened)
            });
        }
        while let Some(opened) = openers.join_next().await {
            for (stream, frames) in opened?? {
                self.sockets.spawn(receive(stream, frames, self.received.clone()));
            }
        }
        Ok(())
    }

    /// The same at servers in turn.
    pub(crate) async fn open_at(&mut self, servers: &[Server], tokens: &[impl AsRef<str>]) -> Res<()> {
        for (number, server) in servers.iter().enumerate() {
            let tokens: Vec<_> = tokens.iter().skip(number).step_by(servers.len()).collect();
            self.open_each(&server.address, &tokens).await?;
        }
        Ok(())
    }

    /// Messages that arrived, on all sockets together.
    pub(crate) fn messages(&self) -> u64 {
        self.received.messages.load(Relaxed)
    }

    /// Waits until so many messages have come to every socket; more must not.
    pub(crate) async fn all(&self, messages: u64) -> Res<()> {
        let due = messages * self.sockets.len() as u64;
        let mut moved = (0, Instant::now());
        while self.messages() < due {
            let arrived = self.messages();
            if arrived > moved.0 {
                moved = (arrived, Instant::now());
            }
            if moved.1.elapsed() > PATIENCE {
                let closed = self.closed();
                return Err(format!("{arrived} of {due} deliveries arrive; the server closed {closed} sockets").into());
            }
            sleep(LOOK).await;
        }
        match self.messages() - due {
            0 => Ok(()),
            more => Err(format!("{more} deliveries more than there should be").into()),
        }
    }

    /// When a message had come to every socket, once all have arrived.
    pub(crate) fn last_arrival(&self, message: usize) -> Res<Instant> {
        let arrivals = self.received.arrivals.as_ref().ok_or("these receivers note no times")?;
        let arrival = arrivals.messages.get(message).ok_or("more messages than times")?;
        // What one socket gets twice and another never adds up to the right sum.
        match arrival.sockets.load(Relaxed) {
            sockets if sockets == self.sockets.len() => {
                Ok(arrivals.began + Duration::from_micros(arrival.last.load(Relaxed)))
            }
            sockets => Err(format!("a message came to {sockets} of {} sockets", self.sockets.len()).into()),
        }
    }

    /// How long the last one was, in bytes.
    pub(crate) fn length(&self) -> Res<u32> {
        Ok(self.received.length.load(Relaxed).try_into()?)
    }

    /// Sockets that the server closed.
    pub(crate) fn closed(&self) -> u64 {
        self.received.closed.load(Relaxed)
    }
}

fn handshake(token: &str) -> String {
    format!(
        "GET /api/v1/ws HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

async fn open(mut stream: TcpStream, request: &[u8]) -> Res<(TcpStream, Frames)> {
    stream.set_nodelay(true)?;
    // Thousands of closed sockets would keep their ports for a minute.
    stream.set_zero_linger()?;
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    let end = loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the server hung up on a handshake".into());
        }
        if let Some(end) = head_end(&answer) {
            break end;
        }
    };
    if answer.get(9..12) != Some(b"101") {
        return Err(format!("no socket: {}", String::from_utf8_lossy(&answer)).into());
    }
    let mut frames = Frames::default();
    let mut texts = frames.feed(&answer[end..]).texts;
    while texts == 0 {
        texts = std::future::poll_fn(|cx| poll_frames(&mut stream, &mut frames, cx)).await?.texts;
    }
    Ok((stream, frames))
}

/// A socket of which nobody reads after its first frame, on a machine far away that takes little.
pub(crate) struct Stalled {
    _stream: TcpStream,
}

impl Stalled {
    pub(crate) async fn open(address: &str, token: &str) -> Res<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(WINDOW)?;
        socket2::SockRef::from(&socket).set_tcp_mss(SEGMENT)?;
        let stream = socket.connect(address.parse()?).await?;
        let (stream, _) = open(stream, handshake(token).as_bytes()).await?;
        Ok(Stalled { _stream: stream })
    }
}

async fn receive(mut stream: TcpStream, mut frames: Frames, received: Arc<Received>) {
    let mut count = 0;
    while let Ok(seen) = std::future::poll_fn(|cx| poll_frames(&mut stream, &mut frames, cx)).await {
        if seen.messages > 0 {
            if let Some(arrivals) = &received.arrivals {
                let before = count;
                count += usize::try_from(seen.messages).unwrap_or(usize::MAX);
                arrivals.note(before..count);
            }
            received.messages.fetch_add(seen.messages, Relaxed);
            received.length.store(seen.length, Relaxed);
        }
        if seen.ping && stream.write_all(&PONG).await.is_err() {
            break;
        }
        if seen.close {
            break;
        }
    }
    received.closed.fetch_add(1, Relaxed);
}

fn poll_frames(stream: &mut TcpStream, frames: &mut Frames, cx: &mut Context<'_>) -> Poll<io::Result<Seen>> {
    // On the stack and only for the call: ten thousand receivers share the cache with the server.
    let mut space = [MaybeUninit::uninit(); 4096];
    let mut buffer = ReadBuf::uninit(&mut space);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(match buffer.filled() {
        [] => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => Ok(frames.feed(bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_limited_by_the_smaller_file_limit() {
        assert_eq!(allowed(10_000, 20_000, 20_000), 10_000);
        assert_eq!(allowed(10_000, 20_000, 1_024), 824);
        assert_eq!(allowed(10_000, 100, 1_024), 0);
    }
}
