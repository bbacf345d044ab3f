use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Ask {
    text: String,
    #[serde(default)]
    ids: Vec<u32>,
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Inner {
    kind: Shade,
    size: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Shade {
    Dark,
}

async fn told(bytes: &[u8]) -> Value {
    let error = Body::<Ask>::parse(bytes).unwrap_err();
    let body = error.answer(&Visit::for_test(None)).take_body().into_vec().await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn a_good_body_is_taken() {
    let Body(ask) = Body::<Ask>::parse(br#"{"text":"hi","ids":[1,2],"inner":{"kind":"dark","size":3}}"#).unwrap();
    assert_eq!(ask, Ask { text: "hi".into(), ids: vec![1, 2], inner: Some(Inner { kind: Shade::Dark, size: 3 }) });
}

#[tokio::test]
async fn every_bad_body_is_told_and_not_echoed() {
    let deep = "{\"text\":".to_owned() + &"[".repeat(32) + &"]".repeat(32) + "}";
    for bytes in [
        &b"\xff\xfe"[..],
        b"{\"text\":\"\xc3\"}",
        b"",
        b"{",
        b"{\"text\":\"hunter2\"",
        b"{\"text\":\"hunter2\"} x",
        b"{\"text\":\"hunter2\",\"text\":\"hunter2\"}",
        b"{\"text\":\"a\",\"inner\":{\"kind\":\"dark\",\"size\":1,\"size\":2}}",
        deep.as_bytes(),
    ] {
        let body = told(bytes).await;
        assert_eq!((&body["code"], &body["status"]), (&json!("request.malformed"), &json!(400)), "{body}");
        assert!(!body.to_string().contains("hunter2"), "{body}");
    }
    for (text, problem, code, field) in [
        ("{}", "request.invalid", "required", "text"),
        ("[]", "request.invalid", "type", ""),
        (r#"["hi", [], null]"#, "request.invalid", "type", ""),
        ("\"hunter2\"", "request.invalid", "type", ""),
        (r#"{"text":12345678}"#, "request.invalid", "type", "text"),
        (r#"{"text":null}"#, "request.invalid", "type", "text"),
        (r#"{"text":"a","ids":[1,"hunter2"]}"#, "request.invalid", "type", "ids[1]"),
        (r#"{"text":"a","ids":[1,-3]}"#, "request.invalid", "invalid", "ids[1]"),
        (r#"{"text":"a","inner":{"kind":"dark"}}"#, "request.invalid", "required", "inner.size"),
        (r#"{"text":"a","inner":{"kind":"hunter2","size":1}}"#, "request.invalid", "unknown_value", "inner.kind"),
        (r#"{"text":"a","inner":{"kind":"dark","size":300}}"#, "request.invalid", "invalid", "inner.size"),
        (r#"{"text":"a","hue":1}"#, "request.unknown_field", "unknown", "hue"),
        (r#"{"text":"a","inner":{"kind":"dark","size":1,"hue":2}}"#, "request.unknown_field", "unknown", "inner.hue"),
    ] {
        let body = told(text.as_bytes()).await;
        assert_eq!((&body["code"], &body["status"]), (&json!(problem), &json!(422)), "{text} {body}");
        let error = &body["errors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(field)), "{text} {body}");
        let said = format!("{} {}", body["detail"], body["errors"]);
        for value in ["hunter2", "12345678", "300"] {
            assert!(!said.contains(value), "{body}");
        }
    }
    let body = told(format!("{{\"{}\":1}}", "k".repeat(5000)).as_bytes()).await;
    assert_eq!(body["errors"][0]["field"].as_str().unwrap().len(), MAX_PATH_TOLD);
}

const MAX_PATH_TOLD: usize = 128;

#[test]
fn only_json_is_json() {
    for (value, expected) in [
        (None, Kind::Unsaid),
        (Some("application/json"), Kind::Json),
        (Some("Application/JSON"), Kind::Json),
        (Some("application/json; charset=utf-8"), Kind::Json),
        (Some("application/json;charset=\"UTF-8\""), Kind::Json),
        (Some("application/json; charset=gbk"), Kind::Other),
        (Some("application/problem+json"), Kind::Other),
        (Some("application/jsonp"), Kind::Other),
        (Some("text/plain"), Kind::Other),
        (Some(""), Kind::Other),
    ] {
        let mut request = Request::builder();
        if let Some(value) = value {
            request = request.header("content-type", value);
        }
        assert_eq!(kind(&request.finish()), expected, "{value:?}");
    }
}

#[tokio::test]
async fn chunks_are_counted_and_joined() {
    let chunks = |parts: &'static [&'static str]| {
        futures_util::stream::iter(parts.iter().map(|part| Ok::<_, ()>(Bytes::from_static(part.as_bytes()))))
    };
    assert_eq!(collect(chunks(&[]), 3).await.unwrap(), "");
    assert_eq!(collect(chunks(&["abc"]), 3).await.unwrap(), "abc");
    assert_eq!(collect(chunks(&["", "a", "b", "", "c"]), 3).await.unwrap(), "abc");
    for parts in [&["abcd"][..], &["ab", "cd"], &["a", "b", "c", "d"]] {
        assert_eq!(collect(chunks(parts), 3).await.unwrap_err().code(), "request.too_large");
    }
}
