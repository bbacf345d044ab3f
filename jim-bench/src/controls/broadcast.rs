//! A bare tokio-tungstenite broadcaster with the subject's buffers.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::broadcast;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{HELLO, filler, listen};
use crate::Res;

/// Messages that may wait for a socket.
const QUEUE: usize = 256;

pub(super) async fn serve() -> Res<()> {
    let listener = listen().await?;
    // The first connection names the length of each message; the others receive.
    let (mut trigger, _) = listener.accept().await?;
    let (sender, _) = broadcast::channel::<Utf8Bytes>(QUEUE);
    let messages = sender.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(socket(stream, messages.subscribe()));
        }
    });
    loop {
        let message = filler(trigger.read_u32().await?).into();
        // Nobody may listen yet.
        let _ = sender.send(message);
    }
}

async fn socket(stream: TcpStream, mut messages: broadcast::Receiver<Utf8Bytes>) -> Res<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(4 * 1024);
    let mut socket = accept_async_with_config(stream, Some(config)).await?;
    socket.send(Message::text(HELLO)).await?;
    loop {
        tokio::select! {
            message = messages.recv() => socket.send(Message::Text(message?)).await?,
            heard = socket.next() => if !matches!(heard, Some(Ok(_))) { return Ok(()) },
        }
    }
}
