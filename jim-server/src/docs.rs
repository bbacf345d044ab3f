//! The documentation pages, from the binary: nothing on them is loaded from elsewhere.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, header};
use poem::{Response, Result};
use poem_openapi::OpenApiService;
use sha2::{Digest as _, Sha256};

use crate::app::page;
use crate::body::JSON;
use crate::openapi;
use crate::problem::ApiError;
use crate::problem::table::TABLE;

/// A page as it is sent, made at its first call.
struct Page {
    html: Bytes,
    policy: HeaderValue,
}

static SCALAR: LazyLock<Option<Page>> = LazyLock::new(|| Page::of_api(OpenApiService::scalar_html));
static SWAGGER: LazyLock<Option<Page>> = LazyLock::new(|| Page::of_api(OpenApiService::swagger_ui_html));
static PROBLEMS: LazyLock<Option<Page>> = LazyLock::new(|| Page::new(problems()));

/// Every page with its path.
pub(crate) fn pages() -> impl Iterator<Item = (&'static str, BoxEndpoint<'static>)> {
    [
        ("/openapi.json", page(document)),
        ("/docs", page(|| Page::send(&SCALAR))),
        ("/docs/swagger", page(|| Page::send(&SWAGGER))),
        ("/docs/problems", page(|| Page::send(&PROBLEMS))),
    ]
    .into_iter()
}

fn document() -> Result<Response> {
    let document = openapi::document().map_err(ApiError::server)?;
    Ok(Response::builder().content_type(JSON).header(header::CACHE_CONTROL, "no-cache").body(document))
}

type Service = OpenApiService<(), ()>;

impl Page {
    /// poem-openapi's page of no API, with our document in the place of its own.
    fn of_api(html: impl Fn(&Service) -> String) -> Option<Page> {
        let empty = OpenApiService::new((), "-", "-");
        let document = openapi::document().ok()?;
        // In a script element nothing may look like its end.
        let document = document.replace("</", "<\\/");
        let html = html(&empty).replacen(&empty.spec(), &document, 1);
        Page::new(html)
    }

    /// The page's own scripts are the only ones that may run, each named by its hash.
    fn new(html: String) -> Option<Page> {
        let mut scripts = String::new();
        let mut rest = html.as_str();
        while let Some((_, element)) = rest.split_once("<script") {
            let (attributes, element) = element.split_once('>')?;
            // A script may speak of script elements; the first end tag ends it.
            let (script, after) = element.split_once("</script>")?;
            if !attributes.contains("application/json") {
                write!(scripts, " 'sha256-{}'", STANDARD.encode(Sha256::digest(script))).ok()?;
            }
            rest = after;
        }
        let scripts = if scripts.is_empty() { " 'none'".to_owned() } else { scripts };
        let policy = format!(
            "default-src 'none'; script-src{scripts}; style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Some(Page { html: html.into(), policy: HeaderValue::try_from(policy).ok()? })
    }

    fn send(page: &'static LazyLock<Option<Page>>) -> Result<Response> {
        let page = page.as_ref().ok_or_else(|| ApiError::server("a page of the documentation cannot be made"))?;
        Ok(Response::builder()
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, page.policy.clone())
            .header(header::CACHE_CONTROL, "no-cache")
            .body(page.html.clone()))
    }
}

/// What the `type` of each problem leads to.
fn problems() -> String {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Problems</title><style>\
         body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}\
         :target{background:#ffd}</style></head><body><h1>Problems</h1>\n",
    );
    for row in TABLE {
        // A String takes all that is written to it.
        let _ = writeln!(
            html,
            "<section id=\"{code}\"><h2><code>{code}</code></h2><p>{status}. {en}</p><p lang=\"zh\">{zh}</p></section>",
            code = row.code,
            status = row.status,
            en = row.en,
            zh = row.zh
        );
    }
    html + "</body></html>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_our_document_and_load_nothing() {
        for page in [&SCALAR, &SWAGGER] {
            let page = page.as_ref().unwrap();
            let html = std::str::from_utf8(&page.html).unwrap();
            assert!(html.contains("\"operationId\": \"meta\""));
            for tag in ["<script src", "<link", "<img"] {
                assert!(!html[..2000].contains(tag));
            }
            let policy = page.policy.to_str().unwrap();
            assert!(policy.contains("'sha256-") && !policy.contains("https:") && !policy.contains("unsafe-eval"));
        }
    }

    #[test]
    fn every_code_has_a_place_to_link_to() {
        let html = problems();
        for row in TABLE {
            assert!(html.contains(&format!("id=\"{}\"", row.code)));
        }
    }
}
