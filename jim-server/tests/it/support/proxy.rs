//! A way to a server that a test can cut, slow down and stop.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How the way is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Connections are broken, new ones too.
    Cut,
    /// Nothing comes through, and nothing is broken.
    Stalled,
    /// All comes later, in both directions.
    Slow(Duration),
}

/// A proxy to one server.
pub(crate) struct Proxy {
    address: SocketAddr,
    way: watch::Sender<Way>,
    _task: AbortOnDropHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (way, seen) = watch::channel(Way::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, port, seen.clone()));
            }
        });
        Proxy { address, way, _task: AbortOnDropHandle::new(task) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

async fn carry(client: TcpStream, port: u16, mut way: watch::Receiver<Way>) {
    let seen = way.clone();
    let both = async {
        let server = TcpStream::connect(("127.0.0.1", port)).await?;
        let (from, to) = (client.into_split(), server.into_split());
        tokio::try_join!(pump(from.0, to.1, seen.clone()), pump(to.0, from.1, seen.clone())).map(|_| ())
    };
    tokio::select! {
        _ = both => {}
        _ = way.wait_for(|way| *way == Way::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut way: watch::Receiver<Way>) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let now = way.wait_for(|way| *way != Way::Stalled).await.map(|way| *way);
        if let Ok(Way::Slow(by)) = now {
            tokio::time::sleep(by).await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
