use jim_core::repo::RepoError;
use serde_json::Value;

use super::*;

async fn told(error: ApiError, visit: &Visit) -> (Response, Value) {
    let mut response = error.answer(visit);
    let body = serde_json::from_slice(&response.take_body().into_vec().await.unwrap()).unwrap();
    (response, body)
}

#[tokio::test]
async fn every_code_comes_out_whole() {
    let visit = Visit::for_test(None);
    let zh = Visit::for_test(Some("zh-CN"));
    let codes = Code::ALL.iter().map(|code| code.as_str()).chain(table::http::ALL.iter().copied());
    for code in codes {
        let (response, body) = told(ApiError::new(code), &visit).await;
        let status = u64::from(response.status().as_u16());
        assert_eq!(response.content_type(), Some("application/problem+json"));
        assert_eq!(body["code"], code);
        assert_eq!(body["type"], format!("/docs/problems#{code}"));
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], visit.request_id());
        assert!(!body["title"].as_str().unwrap().is_empty() && !body["detail"].as_str().unwrap().is_empty());
        assert_eq!(response.header("www-authenticate").is_some(), status == 401, "{code}");
        assert_eq!(response.header("retry-after").is_some(), status == 429 || status == 503, "{code}");
        let (_, other) = told(ApiError::new(code), &zh).await;
        assert_ne!(other["title"], body["title"]);
        for same in ["type", "status", "code"] {
            assert_eq!(other[same], body[same]);
        }
    }
}

#[tokio::test]
async fn what_an_error_carries_is_told() {
    let visit = Visit::for_test(None);
    let limited = Error::Limited { code: Code::RateLimited, retry_after: Duration::from_millis(2001) };
    let (response, _) = told(limited.into(), &visit).await;
    assert_eq!(response.header("retry-after"), Some("3"));

    let muted = Error::RefusedUntil { code: Code::NotFriend, until: Millis(0) };
    let (_, body) = told(muted.into(), &visit).await;
    assert_eq!(body["until"], "1970-01-01T00:00:00.000Z");

    let (_, body) = told(Error::field("content.text", "too_long", "At most 3.").into(), &visit).await;
    assert_eq!(
        body["errors"],
        serde_json::json!([{"field": "content.text", "code": "too_long", "detail": "At most 3."}])
    );

    let (response, body) = told(Error::from(RepoError::Busy).into(), &visit).await;
    assert_eq!((response.status().as_u16(), response.header("retry-after")), (503, Some("1")));
    assert!(body.get("errors").is_none() && body.get("until").is_none());

    let (_, body) = told(Error::internal("hunter2").into(), &visit).await;
    assert!(!body.to_string().contains("hunter2"));
}

#[tokio::test]
async fn poems_own_refusals_lose_their_texts() {
    use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParseRequestPayloadError};
    let visit = Visit::for_test(None);
    let reason = || "hunter2".to_owned();
    let cases: [(poem::Error, u16, &str); 10] = [
        (poem::error::NotFoundError.into(), 404, "resource.not_found"),
        (poem::error::MethodNotAllowedError.into(), 405, "request.method_not_allowed"),
        (poem::error::ParsePathError.into(), 404, "resource.not_found"),
        (poem_openapi::error::ParsePathError { name: "param0", reason: reason() }.into(), 404, "resource.not_found"),
        (ParseParamError { name: "limit", reason: reason() }.into(), 422, "request.invalid"),
        (ParseRequestPayloadError { reason: reason() }.into(), 400, "request.malformed"),
        (ContentTypeError::NotSupported { content_type: reason() }.into(), 415, "request.unsupported_media_type"),
        (AuthorizationError.into(), 401, "auth.required"),
        (poem::Error::from_string("hunter2", StatusCode::IM_A_TEAPOT), 400, "request.malformed"),
        (poem::Error::from_string("hunter2", StatusCode::BAD_GATEWAY), 500, "server.error"),
    ];
    for (error, status, code) in cases {
        let (response, body) = told(ApiError::from_poem(error), &visit).await;
        assert_eq!(response.status().as_u16(), status, "{code}");
        assert_eq!(body["code"], code);
        assert!(!body.to_string().contains("hunter2") && !body.to_string().contains("param0"), "{body}");
    }
    let own = poem::Error::from(ApiError::from(Code::FriendSelf));
    assert_eq!(ApiError::from_poem(own).code(), "friend.self");
}
