//! poem's own WebSocket endpoint, with the defaults that it comes with.

use futures_util::{SinkExt as _, StreamExt as _};
use poem::web::websocket::{Message, WebSocket};
use poem::{IntoResponse, Route, get, handler};

use super::{HELLO, serve_http};
use crate::Res;

#[handler]
fn socket(socket: WebSocket) -> impl IntoResponse {
    socket.on_upgrade(|mut socket| async move {
        let _ = socket.send(Message::text(HELLO)).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
}

pub(super) async fn serve() -> Res<()> {
    serve_http(Route::new().at("/api/v1/ws", get(socket))).await
}
