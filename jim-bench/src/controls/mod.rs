//! What Jim is measured against. Each control is this program again, in a process of its own.

mod broadcast;
mod floor;
mod hello;
mod naive;
mod poem_socket;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{IntoEndpoint, Server as HttpServer};
use tokio::process::Command;

use crate::Res;
use crate::process::{LISTENING, Server};

/// The controls.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Control {
    /// B1, B2: a trivial POST through poem-openapi.
    Hello,
    /// B4: one transaction for each request.
    Naive,
    /// B11: nothing but the kernel.
    Floor,
    /// B12: a bare tokio-tungstenite broadcaster.
    Broadcast,
    /// B13: poem's own WebSocket endpoint.
    PoemSocket,
}

/// Starts a control in a process of its own.
pub(crate) async fn start(kind: Control, data: Option<&Path>) -> Res<Server> {
    let name = kind.to_possible_value().ok_or("a control without a name")?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["control", name.get_name()]);
    if let Some(data) = data {
        command.arg("--data").arg(data);
    }
    Server::start(command).await
}

/// Serves as a control until the driver is gone.
pub(crate) async fn serve(kind: Control, data: Option<PathBuf>) -> Res<()> {
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    match kind {
        Control::Hello => hello::serve().await,
        Control::Naive => naive::serve(&data.ok_or("a folder is missing")?).await,
        Control::Floor => floor::serve().await,
        Control::Broadcast => broadcast::serve().await,
        Control::PoemSocket => poem_socket::serve().await,
    }
}

/// Serves an app as poem does it by itself.
async fn serve_http(app: impl IntoEndpoint<Endpoint: 'static>) -> Res<()> {
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await?;
    let address = acceptor.local_addr().into_iter().find_map(|at| at.as_socket_addr().copied());
    say_listening(address.ok_or("no address")?);
    Ok(HttpServer::new_with_acceptor(acceptor).run(app).await?)
}

/// Takes connections without any HTTP server.
async fn listen() -> Res<tokio::net::TcpListener> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    say_listening(listener.local_addr()?);
    Ok(listener)
}

fn say_listening(address: SocketAddr) {
    println!("{}", serde_json::json!({ "message": LISTENING, "address": address.to_string() }));
}

/// The text that a control sends in place of a message.
fn filler(length: u32) -> String {
    "m".repeat(length as usize)
}

/// What every control says first, so that the driver knows when a socket is open.
const HELLO: &str = r#"{"type":"hello"}"#;
