//! A server that says of itself what a test wants, for what no server here is: old, foreign, or with a password.

use std::net::SocketAddr;

use mongodb::bson::{Document, doc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const OP_MSG: i32 = 2013;

/// Answers a command, given its name too; `None` where nothing special is to be said.
pub(super) type Answers = fn(&str, &Document, SocketAddr) -> Option<Document>;

/// Serves until the test's runtime ends.
pub(super) async fn serve(answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                // A driver hangs up when it wants to.
                let _ = converse(socket, answers, address).await;
            });
        }
    });
    address
}

async fn converse(mut socket: TcpStream, answers: Answers, address: SocketAddr) -> std::io::Result<()> {
    loop {
        let length = usize::try_from(socket.read_i32_le().await?).unwrap();
        let id = socket.read_i32_le().await?;
        let mut rest = vec![0; length - 8];
        socket.read_exact(&mut rest).await?;
        // The rest of the header, the flags and the kind of the section stand before the command.
        let command = Document::from_reader(&rest[8 + 4 + 1..]).unwrap();
        let name = command.keys().next().unwrap();
        let answer = answers(name, &command, address).unwrap_or_else(|| usual(name)).to_vec().unwrap();
        let mut message = Vec::new();
        for number in [i32::try_from(16 + 4 + 1 + answer.len()).unwrap(), 1, id, OP_MSG, 0] {
            message.extend(number.to_le_bytes());
        }
        message.push(0);
        message.extend(answer);
        socket.write_all(&message).await?;
    }
}

/// What a MongoDB 8 says that has nothing in it and is alone.
fn usual(command: &str) -> Document {
    match command {
        "hello" | "isMaster" | "ismaster" => hello(),
        "buildInfo" => build("8.0.4"),
        "find" | "aggregate" => doc! { "cursor": { "id": 0_i64, "ns": "jim.jim_meta", "firstBatch": [] }, "ok": 1 },
        _ => doc! { "ok": 1, "n": 1, "nModified": 0 },
    }
}

fn hello() -> Document {
    doc! {
        "helloOk": true, "isWritablePrimary": true, "ismaster": true, "minWireVersion": 0, "maxWireVersion": 25,
        "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000, "ok": 1,
    }
}

/// The usual greeting with something else in it, if this command asks for it.
pub(super) fn hello_with(command: &str, more: Document) -> Option<Document> {
    let asked = ["hello", "ismaster"].iter().any(|name| command.eq_ignore_ascii_case(name));
    asked.then(|| hello().into_iter().chain(more).collect())
}

pub(super) fn build(version: &str) -> Document {
    doc! {
        "version": version, "gitVersion": "0000", "allocator": "tcmalloc", "storageEngines": ["devnull", "wiredTiger"],
        "ok": 1,
    }
}

pub(super) fn refusal(code: i32, name: &str) -> Document {
    doc! { "ok": 0, "code": code, "codeName": name, "errmsg": "no, secret" }
}
