//! A mail server that keeps what it is given: enough of SMTP (RFC 5321) for one sender, and moods to be in.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::within;

/// How a mail server treats who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Takes mails.
    Takes,
    /// Says no to each, for now.
    Refuses,
    /// Says no to each, for good, and repeats the address.
    Rejects,
    /// Lets who comes wait for its greeting.
    Silent,
    /// Hangs up in the middle of a mail.
    HangsUp,
}

/// A mail as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Received {
    /// The command by which its sender logged in.
    pub(crate) auth: Option<String>,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    /// Head and parts, as they went over the wire.
    pub(crate) raw: String,
}

impl Received {
    /// The code that it brings: in its text, and the same in its HTML.
    pub(crate) fn code(&self) -> String {
        let parts = self.parts();
        let [text, html] = &parts[..] else { panic!("two parts: {}", self.raw) };
        let is_code =
            |line: &&str| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
        let code = text.lines().map(str::trim).find(is_code).expect("a code on a line of its own").to_owned();
        assert!(html.contains(&format!("<strong>{code}</strong>")), "{html}");
        code
    }

    /// The bodies of its parts, decoded.
    pub(crate) fn parts(&self) -> Vec<String> {
        let boundary =
            self.raw.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a boundary");
        let mark = format!("--{boundary}");
        // The boundary stands in the head too.
        let (_, body) = self.raw.split_once("\r\n\r\n").expect("a head");
        body.split(&*mark).skip(1).filter(|part| !part.starts_with("--")).map(decoded).collect()
    }

    /// The lines of its head.
    pub(crate) fn head(&self) -> Vec<&str> {
        self.raw.split_once("\r\n\r\n").expect("a head").0.lines().collect()
    }
}

fn decoded(part: &str) -> String {
    let (head, body) = part.split_once("\r\n\r\n").expect("the head of a part");
    let head = head.to_ascii_lowercase();
    if head.contains("base64") {
        let plain: String = body.split_whitespace().collect();
        return String::from_utf8(STANDARD.decode(plain).expect("base64")).expect("UTF-8");
    }
    if !head.contains("quoted-printable") {
        return body.to_owned();
    }
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'=' {
            let hex = std::str::from_utf8(&after[..2]).expect("two digits");
            bytes.push(u8::from_str_radix(hex, 16).expect("hex"));
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// TLS, from the first byte or from STARTTLS on.
#[derive(Clone)]
pub(crate) struct Cover {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) wrapped: bool,
}

/// A mail server; dropped, it is down.
pub(crate) struct Sink {
    address: SocketAddr,
    cover: Option<Cover>,
    mood: Arc<Mutex<Mood>>,
    received: Arc<Mutex<Vec<Received>>>,
    running: Option<JoinHandle<()>>,
}

impl Sink {
    pub(crate) async fn start() -> Sink {
        Sink::in_mood(Mood::Takes).await
    }

    pub(crate) async fn in_mood(mood: Mood) -> Sink {
        Sink::new(mood, None).await
    }

    pub(crate) async fn under(cover: Cover) -> Sink {
        Sink::new(Mood::Takes, Some(cover)).await
    }

    async fn new(mood: Mood, cover: Option<Cover>) -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let mut sink =
            Sink { address, cover, mood: Arc::new(Mutex::new(mood)), received: Arc::default(), running: None };
        sink.run(listener);
        sink
    }

    fn run(&mut self, listener: TcpListener) {
        let (mood, cover, received) = (self.mood.clone(), self.cover.clone(), self.received.clone());
        self.running = Some(tokio::spawn(async move {
            // Dropped with the listener, so that nobody is served by a server that is down.
            let mut visits = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let mood = *mood.lock().expect("the mood");
                let (cover, received) = (cover.clone(), received.clone());
                visits.spawn(async move {
                    let _ = visit(stream, cover, mood, &received).await;
                });
            }
        }));
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, without TLS, which it does not offer.
    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The settings of a server that sends by it.
    pub(crate) fn settings(&self) -> [(&'static str, String); 2] {
        [("mail.url", self.url()), ("mail.from", "Jim <no-reply@jim.example>".to_owned())]
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().expect("the mood") = mood;
    }

    /// Nobody listens any more.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.abort();
        let _ = running.await;
    }

    /// The same server at the same place again.
    pub(crate) fn restart(&mut self) {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a port that was just used");
        socket.bind(self.address).expect("the same port");
        self.run(socket.listen(128).expect("a listener"));
    }

    /// What has come so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("the mails").clone()
    }

    /// The mails to an address, once there are so many.
    pub(crate) async fn mails(&self, to: &str, count: usize) -> Vec<Received> {
        within(Duration::from_secs(90), "the mails come", async || {
            let mails: Vec<_> = self.received().into_iter().filter(|mail| mail.to == [to]).collect();
            (mails.len() >= count).then_some(mails)
        })
        .await
    }

    /// The code of the newest of so many mails to an address.
    pub(crate) async fn code(&self, to: &str, count: usize) -> String {
        self.mails(to, count).await.last().expect("a mail").code()
    }
}

/// A visit: over TLS from its beginning, or from STARTTLS on, or never.
async fn visit(stream: TcpStream, cover: Option<Cover>, mood: Mood, received: &Mutex<Vec<Received>>) -> Result<()> {
    let offer = match cover {
        Some(Cover { acceptor, wrapped: true }) => {
            return serve(acceptor.accept(stream).await?, false, Some(b"220 sink\r\n"), mood, received).await.map(drop);
        }
        Some(Cover { acceptor, wrapped: false }) => Some(acceptor),
        None => None,
    };
    let rest = serve(stream, offer.is_some(), Some(b"220 sink\r\n"), mood, received).await?;
    if let (Some(stream), Some(acceptor)) = (rest, offer) {
        serve(acceptor.accept(stream).await?, false, None, mood, received).await?;
    }
    Ok(())
}

/// Serves until the visitor goes, or wants the rest under TLS.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    offers_tls: bool,
    greeting: Option<&[u8]>,
    mood: Mood,
    received: &Mutex<Vec<Received>>,
) -> Result<Option<S>> {
    let mut stream = BufReader::new(stream);
    if mood == Mood::Silent {
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
    if let Some(greeting) = greeting {
        stream.write_all(greeting).await?;
    }
    let mut mail = Received::default();
    let mut auth = None;
    while let Some(line) = line(&mut stream).await? {
        let inside = |line: &str| line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let answer = match line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" if offers_tls => "250-sink\r\n250-AUTH PLAIN\r\n250 STARTTLS".to_owned(),
            "EHLO" => "250-sink\r\n250 AUTH PLAIN".to_owned(),
            "HELO" | "NOOP" | "RSET" => "250 sink".to_owned(),
            "STARTTLS" if offers_tls => {
                stream.write_all(b"220 go on\r\n").await?;
                stream.flush().await?;
                return Ok(Some(stream.into_inner()));
            }
            "AUTH" => {
                auth = Some(line);
                "235 welcome".to_owned()
            }
            "MAIL" if mood == Mood::Refuses => "451 not now".to_owned(),
            "MAIL" => {
                mail.from = inside(&line);
                "250 yes".to_owned()
            }
            "RCPT" if mood == Mood::Rejects => format!("550 nobody is {}", inside(&line)),
            "RCPT" => {
                mail.to.push(inside(&line));
                "250 yes".to_owned()
            }
            "DATA" if mood == Mood::HangsUp => return Ok(None),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                stream.flush().await?;
                while let Some(line) = self::line(&mut stream).await?.filter(|line| line != ".") {
                    mail.raw.push_str(line.strip_prefix('.').unwrap_or(&line));
                    mail.raw.push_str("\r\n");
                }
                mail.auth.clone_from(&auth);
                received.lock().expect("the mails").push(std::mem::take(&mut mail));
                "250 kept".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                stream.flush().await?;
                return Ok(None);
            }
            _ => "502 what".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
        stream.flush().await?;
    }
    Ok(None)
}

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}
