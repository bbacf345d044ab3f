//! A socket that listens.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{Base, PATIENCE, Person};

/// What a socket brings.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// A frame.
    Frame(Value),
    /// The end, with the code of a close frame; none when the connection just broke.
    Closed(Option<u16>),
}

/// A listening client. Every frame it gets is kept.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    hello: Value,
    /// The code with which it was closed instead of a hello.
    pub(crate) turned_away: Option<u16>,
    /// The protocol that the server chose.
    pub(crate) protocol: Option<String>,
    pub(crate) frames: Vec<Value>,
    ended: bool,
}

/// Why a socket was not opened.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The server answered with something else than a socket.
    Answer(Box<Response<Option<Vec<u8>>>>),
    /// The server did not answer.
    Silence,
}

impl Refused {
    /// Status and code of the answer.
    pub(crate) fn problem(&self) -> (u16, String) {
        let Refused::Answer(answer) = self else { panic!("no answer") };
        let body: Value = serde_json::from_slice(answer.body().as_deref().unwrap_or_default()).expect("a problem");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(body["request_id"], answer.headers()["x-request-id"].to_str().expect("an id"));
        (answer.status().as_u16(), body["code"].as_str().expect("a code").to_owned())
    }
}

impl Socket {
    /// Opens a socket with a ticket, as a browser does.
    pub(crate) async fn open(person: &Person) -> Socket {
        let socket = Socket::with_ticket(&person.base, &person.ticket().await).await.expect("a socket");
        assert_eq!(socket.protocol.as_deref(), Some("jim.v1"));
        socket
    }

    /// Opens a socket with a ticket that may be refused.
    pub(crate) async fn with_ticket(base: &Base, ticket: &str) -> Result<Socket, Refused> {
        Socket::dial(base, &[("sec-websocket-protocol", &format!("jim.v1, ticket.{ticket}"))]).await
    }

    /// Opens a socket with an access token, as a native client does.
    pub(crate) async fn with_token(base: &Base, token: &str) -> Result<Socket, Refused> {
        Socket::dial(base, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Opens a socket and waits for its first event, which is `hello` unless there are too many.
    pub(crate) async fn dial(base: &Base, headers: &[(&'static str, &str)]) -> Result<Socket, Refused> {
        let authority = base.authority();
        let mut request = format!("ws://{authority}/api/v1/ws").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a header"));
        }
        let deadline = Instant::now() + PATIENCE;
        let dialled = async {
            let stream = TcpStream::connect(authority).await.map_err(|_| Refused::Silence)?;
            tokio_tungstenite::client_async(request, stream).await.map_err(|error| match error {
                Error::Http(answer) => Refused::Answer(Box::new(answer)),
                _ => Refused::Silence,
            })
        };
        let (stream, answer) = timeout_at(deadline, dialled).await.map_err(|_| Refused::Silence)??;
        let protocol = answer.headers().get("sec-websocket-protocol");
        let protocol = protocol.map(|name| name.to_str().expect("a plain header").to_owned());
        let mut socket =
            Socket { stream, hello: Value::Null, turned_away: None, protocol, frames: Vec::new(), ended: false };
        match socket.next().await {
            Event::Frame(hello) if hello["type"] == "hello" => socket.hello = hello,
            Event::Frame(frame) => panic!("the first frame is hello, not {frame}"),
            Event::Closed(None) => return Err(Refused::Silence),
            Event::Closed(code) => socket.turned_away = code,
        }
        Ok(socket)
    }

    /// The first frame.
    pub(crate) fn hello(&self) -> &Value {
        &self.hello
    }

    /// The number that `hello` names for a log.
    pub(crate) fn head(&self, log: &str) -> Option<i64> {
        self.hello["heads"][log].as_i64()
    }

    /// Waits until `hello` or a push has named this number of a log. A node may say hello before it has heard of what
    /// another one has answered, and pushes it then.
    pub(crate) async fn knows(&mut self, log: &str, seq: i64) {
        while self.head(log).is_none_or(|head| head < seq)
            && !self.frames.iter().any(|frame| frame["log"] == log && frame["seq"] == seq)
        {
            self.event().await;
        }
    }

    /// The next frame, whatever it is, or the end. Pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Event {
        self.next_within(PATIENCE).await.expect("a frame or the end of the socket")
    }

    /// The same; `None` when nothing comes for so long.
    pub(crate) async fn next_within(&mut self, limit: Duration) -> Option<Event> {
        assert!(!self.ended, "nothing comes after the end");
        let deadline = Instant::now() + limit;
        loop {
            let message = timeout_at(deadline, self.stream.next()).await.ok()?;
            self.ended = matches!(message, Some(Ok(Message::Close(_)) | Err(_)) | None);
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    self.frames.push(frame.clone());
                    return Some(Event::Frame(frame));
                }
                Some(Ok(Message::Close(frame))) => {
                    let _ = self.stream.flush().await;
                    return Some(Event::Closed(frame.map(|frame| frame.code.into())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => panic!("only text comes, not {message:?}"),
                Some(Err(_)) | None => return Some(Event::Closed(None)),
            }
        }
    }

    /// The next frame but heartbeats, which do not put off the end of our patience.
    pub(crate) async fn event(&mut self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_within(deadline - Instant::now()).await {
                Some(Event::Frame(frame)) if frame["type"] == "heartbeat" => {}
                Some(Event::Frame(frame)) => return frame,
                Some(Event::Closed(code)) => panic!("closed with {code:?}"),
                None => panic!("nothing comes after {:?}", self.frames.last()),
            }
        }
    }

    /// Reads on until there is an event of this type.
    pub(crate) async fn event_of(&mut self, kind: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["type"] == kind {
                return event;
            }
        }
    }

    /// Reads on until the end; says with which code it came.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Event::Closed(code) = self.next().await {
                return code;
            }
        }
    }

    /// Reads all that comes up to the entry of this number; returns it with what came before it.
    pub(crate) async fn until(&mut self, log: &str, seq: i64) -> Vec<Value> {
        let mut events = Vec::new();
        loop {
            let event = self.event().await;
            let last = event["log"] == log && event["seq"] == seq;
            events.push(event);
            if last {
                return events;
            }
        }
    }

    /// Sends something that is not for clients to send.
    pub(crate) async fn say(&mut self, message: Message) {
        self.stream.send(message).await.expect("sent");
    }

    /// Breaks the connection without a word.
    pub(crate) fn cut(self) {
        self.stream.get_ref().set_zero_linger().expect("a connection to cut");
    }
}
