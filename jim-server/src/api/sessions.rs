//! One's sessions.

use jim_core::id::Seq;
use jim_core::model::Session;
use jim_core::service::Caller;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Done, found, named};
use super::{Api, Auth, Tag};
use crate::app::BASE;
use crate::time::Time;

/// A log-in of one device.
#[derive(Object)]
struct ListedSession {
    id: i64,
    #[oai(skip_serializing_if_is_none)]
    device: Option<String>,
    ip: String,
    created_at: Time,
    /// To the minute.
    last_seen_at: Time,
    /// Whether it is the one that asks.
    current: bool,
}

/// Sessions, newest first.
#[derive(Object)]
pub(super) struct SessionList {
    items: Vec<ListedSession>,
    /// Always null: a person's sessions are one page.
    next: Option<String>,
    /// The number of my own log that this list includes.
    log: i64,
}

impl SessionList {
    /// Sessions and the number of the caller's log that they include.
    pub(super) fn of((sessions, log): (Vec<Session>, Seq), caller: &Caller) -> Self {
        let listed = |session: Session| ListedSession {
            id: session.id.0,
            device: session.device,
            ip: session.ip,
            created_at: session.created_at.into(),
            last_seen_at: session.seen_at.into(),
            current: session.id == caller.session,
        };
        SessionList { items: sessions.into_iter().map(listed).collect(), next: None, log: log.0 }
    }
}

/// The operations of this file.
pub struct SessionsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Sessions")]
impl SessionsApi {
    /// My sessions
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me/sessions", method = "get", operation_id = "listSessions")]
    async fn list(&self, caller: Auth) -> Answer<Json<SessionList>> {
        found(SessionList::of(self.0.jim.sessions().list(caller.0.user).await?, &caller.0))
    }

    /// End all my other sessions
    ///
    /// Codes: `auth.required`.
    #[oai(path = "/me/sessions", method = "delete", operation_id = "endOtherSessions")]
    async fn end_others(&self, caller: Auth) -> Answer<Done> {
        self.0.jim.sessions().revoke_others(&caller.0).await?;
        Ok(Done::Done)
    }

    /// End one of my sessions
    ///
    /// Its sockets are closed.
    ///
    /// Codes: `auth.required`, `resource.not_found`.
    #[oai(path = "/me/sessions/:id", method = "delete", operation_id = "endSession")]
    async fn end(&self, caller: Auth, id: Path<String>) -> Answer<Done> {
        self.0.jim.sessions().revoke(caller.0.user, named(&id.0)?).await?;
        Ok(Done::Done)
    }
}
