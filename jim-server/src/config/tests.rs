use std::io::Write as _;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, BadConfig> {
    Config::read(None, Some(environment(pairs)))
}

fn from_file(text: &str) -> Result<Config, BadConfig> {
    let mut file = tempfile::Builder::new().suffix(".conf").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Config::read(Some(file.path()), Some(HashMap::new()))
}

#[test]
fn the_default_file_holds_exactly_every_key_with_its_default() {
    let written: toml::Table = toml::from_str(DEFAULTS).unwrap();
    let config = from_environment(&[]).unwrap();
    assert_eq!(toml::Table::try_from(&config).unwrap(), written);
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.without_effect().collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn every_key_of_the_default_file_has_a_comment() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ")) {
        assert!(lines[at - 1].starts_with("# "), "{line}");
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[server]\ndrain_seconds = 3\nheader_timeout_seconds = 4\n").unwrap();
    let pairs = [
        ("JIM__SERVER__DRAIN_SECONDS", "5"),
        ("JIM__SERVER__ALLOWED_ORIGINS", "https://a.example, https://b.example"),
        ("JIM__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("JIM__SERVER__OPS_LISTEN", "127.0.0.1:0"),
        ("JIM__RATE__ENABLED", "false"),
        ("JIM__RATE__SEND", "5/2s"),
        ("JIM__LIMITS__USERNAME__MAX", "40"),
        ("JIM__CAPTCHA__TEST_ANSWER", "0000"),
        ("JIM_BENCH_ROUNDS", "3"),
        ("HOME", "/root"),
    ];
    let config = Config::read(Some(file.path()), Some(environment(&pairs))).unwrap();
    assert_eq!(config.server.drain_seconds, 5);
    assert_eq!(config.server.header_timeout_seconds, 4);
    assert_eq!(config.server.allowed_origins, ["https://a.example", "https://b.example"]);
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert!(config.server.ops_listen.is_some());
    assert!(!config.rate.enabled);
    assert_eq!(config.rate.send.to_string(), "5/2s");
    assert_eq!((config.limits.username.min, config.limits.username.max), (3, 40));
    assert_eq!(config.captcha.test_answer, "0000");
    assert_eq!(config.without_effect().collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn a_bad_key_is_named() {
    for (key, value, named) in [
        ("JIM__SERVER__LISEN", "x", "server.lisen"),
        ("JIM__SERVR__LISTEN", "x", "servr"),
        ("JIM__SERVER__LISTEN", "nowhere", "server.listen"),
        ("JIM__SERVER__OPS_LISTEN", "nowhere", "server.ops_listen"),
        ("JIM__SERVER__DRAIN_SECONDS", "soon", "server.drain_seconds"),
        ("JIM__SERVER__DRAIN_SECONDS", "-1", "server.drain_seconds"),
        ("JIM__SERVER__HEADER_TIMEOUT_SECONDS", "0", "server.header_timeout_seconds"),
        ("JIM__SERVER__ALLOWED_ORIGINS", "*", "server.allowed_origins"),
        ("JIM__SERVER__ALLOWED_ORIGINS", "https://a.example/", "server.allowed_origins"),
        ("JIM__SERVER__TRUSTED_PROXIES", "10.0.0.0/33", "server.trusted_proxies"),
        ("JIM__AUTH__SECRET", "0123456789012345678901234567890", "auth.secret"),
        ("JIM__AUTH__EXTERNAL_SECRET", "short", "auth.external_secret"),
        ("JIM__AUTH__REGISTRATION", "ajar", "auth.registration"),
        ("JIM__AUTH__REGISTRATION", "window", "auth.registration_window"),
        ("JIM__STORE__URL", "postgres://x", "store.url"),
        ("JIM__STORE__URL", "sqlite:/x.db", "store.url"),
        ("JIM__ROOMS__URL", "mysql://x", "rooms.url"),
        ("JIM__RATE__SEND", "fast", "rate.send"),
        ("JIM__RATE__SEND", "0/1s", "rate.send"),
        ("JIM__LIMITS__NAME", "3", "limits.name"),
        ("JIM__LIMITS__USERNAME__MAX", "many", "limits.username.max"),
        ("JIM__RATE__ENABLED", "perhaps", "rate.enabled"),
        ("JIM__AUTH", "hunter2", "auth"),
        ("JIM__AUTH__SECRET__X", "hunter2", "auth.secret"),
    ] {
        let error = from_environment(&[(key, value)]).unwrap_err();
        assert_eq!(error.key, named, "{key}={value}: {error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        assert!(value.len() < 5 || !error.reason.contains(value), "{error}");
    }
    let error = from_file("[server]\nlisen = \"x\"\n").unwrap_err();
    assert_eq!(error.key, "server.lisen");
    let error = from_file("[auth]\nsecret = \"hunter2\n").unwrap_err().to_string();
    assert!(!error.contains("hunter2") && error.lines().count() == 1, "{error}");
    assert!(Config::read(Some(Path::new("/nonexistent/jim.toml")), Some(HashMap::new())).is_err());
}

#[test]
fn a_test_answer_is_refused_where_others_can_reach_it() {
    let pairs = [("JIM__CAPTCHA__TEST_ANSWER", "0000"), ("JIM__SERVER__LISTEN", "0.0.0.0:0")];
    assert_eq!(from_environment(&pairs).unwrap_err().key, "captcha.test_answer");
}

#[test]
fn no_secret_is_printed() {
    let secret = "s".repeat(32);
    let config = from_environment(&[
        ("JIM__AUTH__SECRET", &secret),
        ("JIM__AUTH__EXTERNAL_SECRET", &secret),
        ("JIM__STORE__URL", "mysql://jim:hun/ter2@db/jim"),
        ("JIM__ROOMS__URL", "mongodb://jim:hunter2@a:1,b:2/jim"),
        ("JIM__MAIL__URL", "smtp://jim:hunter2@mail"),
        ("JIM__BUS__URL", "redis://:hunter2@bus"),
    ])
    .unwrap();
    for shown in [toml::to_string_pretty(&config).unwrap(), format!("{config:?}")] {
        assert!(!shown.contains("ter2") && !shown.contains(&secret), "{shown}");
    }
    let shown = toml::to_string_pretty(&config).unwrap();
    for part in ["mysql://jim:***@db/jim", "mongodb://jim:***@a:1,b:2/jim", "redis://:***@bus"] {
        assert!(shown.contains(part), "{shown}");
    }
}
