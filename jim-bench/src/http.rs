//! A lean HTTP/1.1 client: the driver must cost little, and the same for subject and control.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Res;

/// A kept-alive connection that carries one request at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: usize,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Res<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::with_capacity(4096), body: 0 })
    }

    /// Sends a rendered request and reads the whole answer; returns its status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Res<u16> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server hung up".into());
            }
            if let Some(head) = Head::parse(&self.buffer)?
                && self.buffer.len() >= head.end + head.body
            {
                self.body = head.end;
                return Ok(head.status);
            }
        }
    }

    /// The same with an answer that must be a good one.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Res<()> {
        let status = self.exchange(request).await?;
        if is_good(status) { Ok(()) } else { Err(format!("{status} {}", String::from_utf8_lossy(self.body())).into()) }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.buffer[self.body..]
    }

    /// Posts JSON and returns the JSON of the answer, which must be a good one.
    pub(crate) async fn post(&mut self, path: &str, token: &str, body: &Value) -> Res<Value> {
        let asked = self.ask(&render("POST", path, token, &body.to_string())).await;
        asked.map_err(|error| format!("POST {path}: {error}"))?;
        Ok(serde_json::from_slice(self.body())?)
    }
}

/// Renders a request. Nobody's token is empty.
pub(crate) fn render(method: &str, path: &str, token: &str, body: &str) -> Vec<u8> {
    let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: bench\r\n{authorization}Content-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn is_good(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What the client must know of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    end: usize,
    body: usize,
}

impl Head {
    /// `None` while the head is not complete.
    fn parse(bytes: &[u8]) -> Res<Option<Self>> {
        let Some(end) = head_end(bytes) else { return Ok(None) };
        let mut lines = bytes[..end].split(|byte| *byte == b'\n');
        let first = lines.next().and_then(|line| line.get(9..12)).ok_or("the answer is no HTTP")?;
        let length = lines.find_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            name.eq_ignore_ascii_case(b"content-length:").then(|| value.trim_ascii())
        });
        let status = std::str::from_utf8(first)?.parse()?;
        let body = match length {
            Some(length) => std::str::from_utf8(length)?.parse()?,
            None if status == 204 => 0,
            None => return Err("the answer does not say its length".into()),
        };
        Ok(Some(Head { status, end, body }))
    }
}

/// Where the body begins, once the head is complete.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// A request with a reference that is new at each send and has the form of a UUID, scattered as random ones are.
pub(crate) struct Template {
    bytes: Vec<u8>,
    at: usize,
}

/// Digits of a reference that change, by place.
const CHANGING: [std::ops::Range<usize>; 3] = [0..8, 9..13, 14..18];

impl Template {
    /// A message to a room.
    pub(crate) fn send(room: &str, token: &str, text_length: usize) -> Res<Self> {
        let marker = "00000000-0000-0000-8000-000000000000";
        let text = "All work and no play makes Jack a dull boy. ".repeat(6);
        let text = text.get(..text_length).ok_or("the text is too long")?;
        let body = format!(r#"{{"client_ref":"{marker}","content":{{"kind":"text","text":"{text}"}}}}"#);
        let bytes = render("POST", &format!("/api/v1/rooms/{room}/messages"), token, &body);
        let at = bytes.windows(marker.len()).position(|part| part == marker.as_bytes()).ok_or("no reference")?;
        Ok(Template { bytes, at })
    }

    /// The request with a reference of its own for each number.
    pub(crate) fn numbered(&mut self, number: u64) -> &[u8] {
        // An odd factor maps numbers one to one.
        let mut digits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for place in CHANGING.into_iter().flatten() {
            self.bytes[self.at + place] = b"0123456789abcdef"[(digits & 15) as usize];
            digits >>= 4;
        }
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_head_says_status_and_length() {
        let head = b"HTTP/1.1 201 Created\r\nServer: x\r\ncontent-length: 17\r\nx: y\r\n\r\nrest";
        let wanted = Head { status: 201, end: head.len() - 4, body: 17 };
        assert_eq!(Head::parse(head).unwrap(), Some(wanted));
        assert_eq!(Head::parse(&head[..head.len() - 5]).unwrap(), None);
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(Head::parse(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn references_differ_and_keep_their_length() {
        let mut template = Template::send("p:1:2", "token", 150).unwrap();
        let length = template.numbered(0).len();
        let all: HashSet<Vec<u8>> = (0..5_000).map(|number| template.numbered(number).to_vec()).collect();
        assert_eq!(all.len(), 5_000);
        assert!(all.iter().all(|request| request.len() == length));
        let request = String::from_utf8(template.numbered(7).to_vec()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())));
        serde_json::from_str::<Value>(body).unwrap();
    }
}
