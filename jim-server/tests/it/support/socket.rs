//! A socket that listens, or a stream of events that is read; what comes is the same.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Method;
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

/// The way by which frames come.
enum Way {
    Socket(Box<WebSocketStream<TcpStream>>),
    Events(Events),
}

/// An answer that is read bit by bit.
struct Events {
    answer: reqwest::Response,
    unread: Vec<u8>,
}

impl Events {
    /// The next event; its end if there is none.
    async fn next(&mut self) -> Event {
        loop {
            let end = self.unread.windows(2).position(|two| two == b"\n\n");
            let Some(end) = end else {
                let Ok(Some(bytes)) = self.answer.chunk().await else { return Event::Closed(None) };
                self.unread.extend_from_slice(&bytes);
                continue;
            };
            let event: Vec<u8> = self.unread.drain(..end + 2).collect();
            let event = str::from_utf8(&event[..end]).expect("events are UTF-8");
            let json = |text: &str| -> Value { serde_json::from_str(text).expect("events are JSON") };
            if let Some(data) = event.strip_prefix("data: ") {
                return Event::Frame(json(data));
            }
            let data = event.strip_prefix("event: close\ndata: ").unwrap_or_else(|| panic!("what is {event:?}"));
            let why = json(data);
            assert!(why["reason"].is_string(), "{why}");
            return Event::Closed(why["code"].as_u64().and_then(|code| code.try_into().ok()));
        }
    }
}

/// A listening client. Every frame it gets is kept.
pub(crate) struct Socket {
    way: Way,
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
        Socket::begin(Way::Socket(Box::new(stream)), protocol).await
    }

    /// Reads the stream of events instead.
    pub(crate) async fn events(person: &Person) -> Socket {
        let call = person.request(Method::GET, "/events").timeout(Duration::from_mins(10));
        let answer = call.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        for (name, value) in
            [("content-type", "text/event-stream"), ("cache-control", "no-store"), ("x-accel-buffering", "no")]
        {
            assert_eq!(answer.headers()[name], value);
        }
        Socket::begin(Way::Events(Events { answer, unread: Vec::new() }), None).await.expect("events")
    }

    /// Waits for the first event, which is `hello` unless there are too many.
    async fn begin(way: Way, protocol: Option<String>) -> Result<Socket, Refused> {
        let mut socket =
            Socket { way, hello: Value::Null, turned_away: None, protocol, frames: Vec::new(), ended: false };
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
            let stream = match &mut self.way {
                Way::Socket(stream) => stream,
                Way::Events(events) => {
                    let event = timeout_at(deadline, events.next()).await.ok()?;
                    match &event {
                        Event::Frame(frame) => self.frames.push(frame.clone()),
                        Event::Closed(_) => self.ended = true,
                    }
                    return Some(event);
                }
            };
            let message = timeout_at(deadline, stream.next()).await.ok()?;
            self.ended = matches!(message, Some(Ok(Message::Close(_)) | Err(_)) | None);
            match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).expect("frames are JSON");
                    self.frames.push(frame.clone());
                    return Some(Event::Frame(frame));
                }
                Some(Ok(Message::Close(frame))) => {
                    let _ = stream.flush().await;
                    return Some(Event::Closed(frame.map(|frame| frame.code.into())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(message)) => panic!("only text comes, not {message:?}"),
                Some(Err(_)) | None => return Some(Event::Closed(None)),
            }
        }
    }

    /// The next frame but heartbeats, which do not put off the end of our patience, and presence, which comes whenever
    /// others come and go.
    pub(crate) async fn event(&mut self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_within(deadline - Instant::now()).await {
                Some(Event::Frame(frame)) if ["heartbeat", "presence"].iter().any(|kind| frame["type"] == *kind) => {}
                Some(Event::Frame(frame)) => return frame,
                Some(Event::Closed(code)) => panic!("closed with {code:?}"),
                None => panic!("nothing comes after {:?}", self.frames.last()),
            }
        }
    }

    /// Reads on until it is told how somebody looks.
    pub(crate) async fn presence(&mut self, of: &Person) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_within(deadline - Instant::now()).await {
                Some(Event::Frame(frame)) if frame["type"] == "presence" && frame["user_id"] == of.id => return frame,
                Some(Event::Frame(_)) => {}
                Some(Event::Closed(code)) => panic!("closed with {code:?}"),
                None => panic!("nothing is told of {} after {:?}", of.name, self.frames.last()),
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
        let Way::Socket(stream) = &mut self.way else { panic!("events are only read") };
        stream.send(message).await.expect("sent");
    }

    /// Breaks the connection without a word.
    pub(crate) fn cut(self) {
        // A stream of events is cut by being dropped.
        if let Way::Socket(stream) = &self.way {
            stream.get_ref().set_zero_linger().expect("a connection to cut");
        }
    }
}
