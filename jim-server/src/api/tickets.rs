//! Tickets for the socket.

use poem_openapi::{Object, OpenApi};

use super::answer::{Answer, Created, created};
use super::{Api, Auth, Shared, Tag};
use crate::app::BASE;
use crate::time::Time;

/// A right to open one socket.
#[derive(Object)]
struct Ticket {
    /// Goes into `Sec-WebSocket-Protocol: jim.v1, ticket.<ticket>`.
    ticket: String,
    expires_at: Time,
}

/// The operations of this file.
pub struct TicketsApi(pub(super) Api);

#[OpenApi(prefix_path = BASE, tag = "Tag::Push")]
impl TicketsApi {
    /// A ticket for one socket
    ///
    /// Good once, for 30 seconds. Then `GET /api/v1/ws` with `Sec-WebSocket-Protocol: jim.v1, ticket.<ticket>`; what comes
    /// is described in `docs/asyncapi.yaml`.
    ///
    /// Codes: `auth.required`, `rate.limited`.
    #[oai(path = "/ws/tickets", method = "post", operation_id = "createTicket")]
    async fn create(&self, caller: Auth) -> Answer<Created<Ticket>> {
        let Shared { jim, throttles } = &*self.0;
        throttles.ticket.check(caller.0.user).await?;
        let (ticket, until) = jim.sessions().ticket(&caller.0).await?;
        created(Ticket { ticket: ticket.expose().into(), expires_at: until.into() })
    }
}
