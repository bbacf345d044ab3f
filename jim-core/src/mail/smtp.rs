//! Mails over SMTP (RFC 5321), with STARTTLS, with TLS from the first byte, or in the clear.

use async_trait::async_trait;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{Error, SUBMISSION_PORT, SUBMISSIONS_PORT};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use tokio::time::timeout;
use url::Url;

use super::{Mail, MailError, Mailer, PATIENCE, Sender};

/// How mails are kept from being read on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Safety {
    /// TLS from the first byte.
    Wrapped,
    /// STARTTLS, or no mail.
    Required,
    /// STARTTLS where the server offers it.
    Offered,
    /// In the clear.
    None,
}

/// Where a URL says that mails go.
#[derive(PartialEq, Eq)]
struct Target {
    host: String,
    port: u16,
    safety: Safety,
    /// The file of those who are trusted beside the public ones.
    ca: Option<String>,
    credentials: Option<(String, String)>,
}

impl Target {
    fn parse(url: &str) -> Result<Self, &'static str> {
        let url = Url::parse(url).map_err(|_| "is no URL")?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if !matches!(url.path(), "" | "/") {
            return Err("wants no path");
        }
        let (mut wish, mut ca) = (None, None);
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("tls", "required") => wish = Some(Safety::Required),
                ("tls", "offered") => wish = Some(Safety::Offered),
                ("tls", "none") => wish = Some(Safety::None),
                ("ca", file) if !file.is_empty() => ca = Some(file.to_owned()),
                _ => return Err("wants no other parameters than ca=FILE and tls=required, tls=offered or tls=none"),
            }
        }
        let text = |part: &str| percent_decoded(part).ok_or("has a user or password that is not UTF-8");
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some((text(user)?, text(password.unwrap_or_default())?)),
        };
        let (safety, port) = match (url.scheme(), wish) {
            ("smtps", None) => (Safety::Wrapped, SUBMISSIONS_PORT),
            ("smtps", Some(_)) => return Err("wants no tls parameter: smtps:// is TLS from the first byte"),
            ("smtp", Some(wish)) => (wish, SUBMISSION_PORT),
            // Whoever could take the offer of STARTTLS away would be handed the password.
            ("smtp", None) if credentials.is_some() => (Safety::Required, SUBMISSION_PORT),
            ("smtp", None) => (Safety::Offered, SUBMISSION_PORT),
            _ => return Err("must begin with smtp:// or smtps://"),
        };
        Ok(Target { host, port: url.port().unwrap_or(port), safety, ca, credentials })
    }
}

/// The certificates of a PEM file.
fn trusted(file: &str) -> Result<Certificate, &'static str> {
    let pem = std::fs::read(file).map_err(|_| "names a file of certificates that cannot be read")?;
    let without = "names a file without certificates in PEM";
    // An empty file is no mistake to the reader of it.
    let holds_one = pem.windows(11).any(|part| part == b"CERTIFICATE");
    Certificate::from_pem(&pem).ok().filter(|_| holds_one).ok_or(without)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

/// A mail server.
pub struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Sender,
}

impl SmtpMailer {
    /// Mails over the server of a URL, such as `smtp://user:password@host:587?tls=required`. Connects to nobody yet.
    /// What is wrong with a URL is said without it.
    pub fn new(url: &str, sender: Sender) -> Result<Self, &'static str> {
        let target = Target::parse(url)?;
        let trusted = target.ca.as_deref().map(trusted).transpose()?;
        let tls = || {
            let mut tls = TlsParameters::builder(target.host.clone());
            if let Some(trusted) = trusted {
                tls = tls.add_root_certificate(trusted);
            }
            tls.build().map_err(|_| "names a host that TLS cannot know")
        };
        let tls = match target.safety {
            Safety::Wrapped => Tls::Wrapper(tls()?),
            Safety::Required => Tls::Required(tls()?),
            Safety::Offered => Tls::Opportunistic(tls()?),
            Safety::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&target.host)
            .port(target.port)
            .tls(tls)
            .hello_name(ClientId::Domain(sender.domain().to_owned()))
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = target.credentials {
            builder = builder.credentials(Credentials::new(user, password));
        }
        Ok(SmtpMailer { transport: builder.build(), sender })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mail = self.sender.compose(mail)?;
        // The transport's own time is for connecting alone.
        match timeout(PATIENCE, self.transport.send(mail)).await {
            Ok(sent) => sent.map(drop).map_err(|error| why(&error)),
            Err(_) => Err(MailError::Slow),
        }
    }

    async fn check(&self) -> Result<(), MailError> {
        match timeout(PATIENCE, self.transport.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(MailError::Unreachable),
            Ok(Err(error)) => Err(why(&error)),
            Err(_) => Err(MailError::Slow),
        }
    }
}

fn why(error: &Error) -> MailError {
    match error.status() {
        Some(code) => MailError::Refused(code.into()),
        None if error.is_timeout() => MailError::Slow,
        None => MailError::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> Result<(String, u16, Safety, bool), &'static str> {
        Target::parse(url).map(|target| (target.host, target.port, target.safety, target.credentials.is_some()))
    }

    #[test]
    fn a_url_says_where_mails_go_and_how_safely() {
        let host = || "mail.example.org".to_owned();
        for (url, expected) in [
            ("smtp://mail.example.org", (host(), 587, Safety::Offered, false)),
            ("smtp://mail.example.org:25?tls=none", (host(), 25, Safety::None, false)),
            ("smtp://mail.example.org/?tls=required", (host(), 587, Safety::Required, false)),
            ("smtp://jim:secret@mail.example.org", (host(), 587, Safety::Required, true)),
            ("smtp://jim:secret@mail.example.org?tls=offered", (host(), 587, Safety::Offered, true)),
            ("smtps://jim:secret@mail.example.org", (host(), 465, Safety::Wrapped, true)),
            ("smtp://[::1]:2525", ("::1".to_owned(), 2525, Safety::Offered, false)),
        ] {
            assert_eq!(shown(url), Ok(expected), "{url}");
        }
        let target = Target::parse("smtp://j%40x:p%3Aw%25@mail.example.org").ok().unwrap();
        assert_eq!(target.credentials, Some(("j@x".into(), "p:w%".into())));
    }

    #[test]
    fn a_url_that_names_nothing_is_refused_without_being_repeated() {
        for bad in [
            "smtp://",
            "smtp://:hunter2@",
            "smtp:hunter2",
            "smtp://jim:hunter2@host:port",
            "smtp://host?tls=hunter2",
            "smtp://host?ssl=true",
            "smtps://host?tls=none",
            "smtps://host?ca=",
            "smtp://host/hunter2",
            "http://hunter2",
        ] {
            let error = shown(bad).unwrap_err();
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{bad}: {error}");
        }
    }
}
