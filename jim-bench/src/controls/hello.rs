//! A POST that takes and gives JSON as a send does, and stores nothing.

use poem::Route;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi, OpenApiService};

use super::serve_http;
use crate::Res;

/// A message as a client sends it.
#[derive(Object)]
pub(super) struct Message {
    pub(super) client_ref: String,
    pub(super) content: Content,
}

/// What it says.
#[derive(Object)]
pub(super) struct Content {
    pub(super) kind: String,
    pub(super) text: String,
}

/// The answer.
#[derive(Object)]
pub(super) struct Accepted {
    pub(super) room: String,
    pub(super) seq: i64,
    pub(super) client_ref: String,
}

struct Hello;

#[expect(clippy::unused_async, reason = "poem-openapi takes nothing else")]
#[OpenApi]
impl Hello {
    #[oai(path = "/rooms/:room/messages", method = "post")]
    async fn send(&self, Path(room): Path<String>, Json(message): Json<Message>) -> Json<Accepted> {
        Json(Accepted { room, seq: 1, client_ref: message.client_ref })
    }
}

pub(super) async fn serve() -> Res<()> {
    serve_http(Route::new().nest("/api/v1", OpenApiService::new(Hello, "hello", "1"))).await
}
