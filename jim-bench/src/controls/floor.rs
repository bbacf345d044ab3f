//! The kernel's floor of a fan-out: one write of the finished bytes to each socket, and nothing else.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::{HELLO, filler, listen};
use crate::Res;
use crate::http::head_end;

/// Nobody checks the key.
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

pub(super) async fn serve() -> Res<()> {
    let listener = listen().await?;
    // The first connection names the length of each message; the others receive.
    let (mut trigger, _) = listener.accept().await?;
    let sockets = Arc::new(Mutex::new(Vec::new()));
    let opened = sockets.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let opened = opened.clone();
            tokio::spawn(async move {
                if switch(&mut socket).await.is_err() {
                    return;
                }
                // Who got the first frame gets every message: none is sent between the two.
                let mut opened = opened.lock().await;
                if greet(&mut socket).await.is_ok() {
                    opened.push(socket);
                }
            });
        }
    });
    loop {
        let message = frame(&filler(trigger.read_u32().await?))?;
        let mut sockets = sockets.lock().await;
        let mut gone = Vec::new();
        for (at, socket) in sockets.iter_mut().enumerate() {
            if socket.write_all(&message).await.is_err() {
                gone.push(at);
            }
        }
        for at in gone.into_iter().rev() {
            sockets.swap_remove(at);
        }
    }
}

async fn switch(socket: &mut TcpStream) -> Res<()> {
    socket.set_nodelay(true)?;
    let mut request = Vec::new();
    while head_end(&request).is_none() {
        if socket.read_buf(&mut request).await? == 0 {
            return Err("gone".into());
        }
    }
    Ok(socket.write_all(SWITCH.as_bytes()).await?)
}

async fn greet(socket: &mut TcpStream) -> Res<()> {
    Ok(socket.write_all(&frame(HELLO)?).await?)
}

/// A text frame (RFC 6455, section 5.2).
fn frame(text: &str) -> Res<Vec<u8>> {
    let mut bytes = vec![0x81];
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => bytes.push(length),
        _ => {
            bytes.push(126);
            bytes.extend(u16::try_from(text.len())?.to_be_bytes());
        }
    }
    bytes.extend(text.as_bytes());
    Ok(bytes)
}
