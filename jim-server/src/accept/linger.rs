//! A connection that is closed without losing the last answer.
//!
//! Closing a socket while the peer still sends makes the kernel answer with a reset, and a reset takes back what the
//! peer has not read yet: most clients would see "broken pipe" instead of why their body was refused.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How long the peer may take to notice.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much it may still send.
const MOST: usize = 16 * 1024 * 1024;

/// A stream whose shutdown waits until the peer has ended too, within limits.
pub(super) struct Lingering {
    stream: TcpStream,
    end: Option<Pin<Box<Sleep>>>,
    thrown_away: usize,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream) -> Self {
        Lingering { stream, end: None, thrown_away: 0 }
    }

    /// Reads and forgets until the peer has ended, or time or patience have.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 8192];
        while self.thrown_away < MOST {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.thrown_away += buffer.filled().len(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    let end = self.end.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
                    return end.as_mut().poll(cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Lingering {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.end.is_none() && self.thrown_away == 0 {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx).map(Ok)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
