//! The OpenAPI document: what poem-openapi knows, completed and put right once.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::LazyLock;

use poem::endpoint::BoxEndpoint;
use poem::http::Method;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use crate::api::Surface;
use crate::app::BASE;
use crate::body::{JSON, scan};
use crate::problem::table::{TABLE, http};
use crate::problem::{self, Problem};

/// Deeper than any schema, shallow enough to be read.
const MAX_DEPTH: usize = 100;

const ABOUT: &str = "An instant-messaging backend. Everything durable is an entry in a numbered log; \
    pushes are hints, the logs are the truth.\n\n\
    Every answer carries `X-Request-Id`. Every refusal is a `Problem`, whose `code` never changes.";

static DOCUMENT: LazyLock<Result<String, String>> = LazyLock::new(|| {
    let service = OpenApiService::new(Shape::<Surface>(PhantomData), "Jim", env!("CARGO_PKG_VERSION"))
        .description(ABOUT)
        .server("/");
    let document = complete(&service.spec())?;
    serde_json::to_string_pretty(&document).map_err(|error| error.to_string())
});

/// The document as pretty JSON; the error says what in the API's declarations is wrong.
pub fn document() -> Result<&'static str, &'static str> {
    DOCUMENT.as_deref().map_err(String::as_str)
}

/// An API's declarations without its values.
struct Shape<T>(PhantomData<fn() -> T>);

impl<T: OpenApi> OpenApi for Shape<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// Makes a valid OpenAPI 3.0 document out of poem-openapi's, with the problems of each operation.
fn complete(spec: &str) -> Result<Value, String> {
    scan(spec, MAX_DEPTH).map_err(|fault| format!("the declarations make no valid JSON: {fault:?}"))?;
    let mut document: Value = serde_json::from_str(spec).map_err(|error| error.to_string())?;
    tidy(&mut document);
    let root = document.as_object_mut().ok_or("not an object")?;
    root.remove("webhooks");
    let paths = root.get_mut("paths").and_then(Value::as_object_mut).ok_or("no paths")?;
    for (path, methods) in paths.iter_mut() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let operation = operation.as_object_mut().ok_or("an operation is no object")?;
            add_problems(path, operation).map_err(|error| format!("{method} {path}: {error}"))?;
        }
    }
    let mut registry = Registry::new();
    Problem::register(&mut registry);
    let mut schemas = serde_json::to_value(&registry.schemas).map_err(|error| error.to_string())?;
    tidy(&mut schemas);
    let known = root["components"]["schemas"].as_object_mut().ok_or("no schemas")?;
    known.extend(schemas.as_object().cloned().unwrap_or_default());
    make_optional(&mut document);
    tell_nulls(&mut document);
    Ok(document)
}

/// Says what the declarations cannot: bodies take no other field, `null` stands for an absent value in them, and the
/// last page has no cursor.
fn tell_nulls(document: &mut Value) {
    let bodies: Vec<String> = document["paths"]
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, methods)| methods.as_object().into_iter().flatten())
        .filter_map(|(_, operation)| operation["requestBody"]["content"][JSON]["schema"]["$ref"].as_str())
        .filter_map(|name| name.strip_prefix("#/components/schemas/").map(str::to_owned))
        .collect();
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    for (name, schema) in schemas {
        let body = bodies.contains(name);
        if body {
            schema["additionalProperties"] = json!(false);
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (property, shape) in schema["properties"].as_object_mut().into_iter().flatten() {
            let optional = body && !required.contains(&json!(property)) && shape.get("type").is_some();
            if optional || property == "next" {
                shape["nullable"] = json!(true);
            }
        }
    }
}

/// A body of which nothing is required may be left out.
fn make_optional(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let operations = document["paths"].as_object_mut().into_iter().flatten().map(|(_, methods)| methods);
    for operation in operations.filter_map(Value::as_object_mut).flatten().map(|(_, operation)| operation) {
        let name = operation["requestBody"]["content"][JSON]["schema"]["$ref"].as_str();
        let name = name.and_then(|name| name.strip_prefix("#/components/schemas/"));
        if name.is_some_and(|name| schemas[name]["type"] == "object" && schemas[name].get("required").is_none()) {
            operation["requestBody"]["required"] = json!(false);
        }
    }
}

/// Removes what says nothing, and what OpenAPI 3.0 does not know.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(object) => {
            if object.get("deprecated") == Some(&Value::Bool(false)) {
                object.remove("deprecated");
            }
            if object.get("explode") == Some(&Value::Bool(true)) {
                object.remove("explode");
            }
            let unsigned = object.get("format").and_then(Value::as_str).is_some_and(|f| f.starts_with("uint"));
            if unsigned && object.get("type").and_then(Value::as_str) == Some("integer") {
                object.insert("format".to_owned(), json!("int64"));
                object.entry("minimum").or_insert(json!(0));
            }
            if let Some(Value::Object(content)) = object.get_mut("content") {
                *content = std::mem::take(content)
                    .into_iter()
                    .map(|(kind, shape)| (kind.trim_end_matches("; charset=utf-8").to_owned(), shape))
                    .collect();
            }
            fold_all_of(object);
            object.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

/// poem-openapi says everything beside a reference twice, in the object and in its `allOf`.
fn fold_all_of(object: &mut Map<String, Value>) {
    let Some(Value::Array(mut parts)) = object.remove("allOf") else { return };
    parts.retain(|part| {
        part.get("$ref").is_some()
            || !part.as_object().is_some_and(|part| part.iter().all(|(k, v)| object.get(k) == Some(v)))
    });
    object.insert("allOf".to_owned(), Value::Array(parts));
}

/// Writes the problems of an operation: those that follow from its shape, and those its description names.
fn add_problems(path: &str, operation: &mut Map<String, Value>) -> Result<(), String> {
    let mut codes = implied(path, operation);
    codes.extend(named(operation));
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for row in TABLE.iter().filter(|row| codes.iter().any(|code| code == row.code)) {
        by_status.entry(row.status).or_default().push(format!("`{}`: {}", row.code, row.en));
    }
    if let Some(unknown) = codes.iter().find(|code| !TABLE.iter().any(|row| row.code == **code)) {
        return Err(format!("`{unknown}` is no code"));
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut).ok_or("no responses")?;
    for response in responses.values_mut() {
        if response["description"] == "" {
            response["description"] = json!("Done.");
        }
    }
    for (status, lines) in by_status {
        // What the operation declares itself, such as the 503 of readiness, stays.
        responses.entry(status.to_string()).or_insert_with(|| response(status, &lines));
    }
    Ok(())
}

/// Problems that an operation has by its parameters, body and place.
fn implied(path: &str, operation: &Map<String, Value>) -> Vec<String> {
    let mut codes = vec!["server.error"];
    if path.starts_with(BASE) {
        codes.extend(["rate.limited", "service.unavailable"]);
    }
    if operation.get("security").and_then(Value::as_array).is_some_and(|schemes| !schemes.is_empty()) {
        codes.push("auth.required");
    }
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    for parameter in parameters {
        codes.push(if parameter["in"] == "path" { "resource.not_found" } else { "request.invalid" });
    }
    if operation.contains_key("requestBody") {
        codes.extend([http::MALFORMED, http::TIMEOUT, http::TOO_LARGE, http::UNSUPPORTED_MEDIA_TYPE]);
        codes.extend(["request.invalid", http::UNKNOWN_FIELD]);
    }
    codes.into_iter().map(str::to_owned).collect()
}

/// Takes the paragraph ``Codes: `friend.self`, `friend.exists`.`` out of the description.
fn named(operation: &mut Map<String, Value>) -> Vec<String> {
    let Some(description) = operation.get("description").and_then(Value::as_str) else { return Vec::new() };
    let paragraphs: Vec<&str> = description.split("\n\n").map(str::trim).collect();
    let (codes, words): (Vec<&str>, Vec<&str>) = paragraphs.into_iter().partition(|text| text.starts_with("Codes:"));
    let found = codes.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
    let words = words.join("\n\n");
    if words.is_empty() {
        operation.remove("description");
    } else {
        operation.insert("description".to_owned(), json!(words));
    }
    found
}

/// One refusal of an operation.
fn response(status: u16, lines: &[String]) -> Value {
    let mut response = json!({
        "description": lines.join("\n\n"),
        "content": { problem::CONTENT_TYPE: { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let header = |about: &str, schema: Value| json!({ "description": about, "required": true, "schema": schema });
    match status {
        401 => response["headers"] = json!({ "WWW-Authenticate": header("`Bearer`.", json!({ "type": "string" })) }),
        429 | 503 => {
            let seconds = json!({ "type": "integer", "minimum": 1 });
            response["headers"] = json!({ "Retry-After": header("Seconds to wait.", seconds) });
        }
        _ => {}
    }
    response
}

#[cfg(test)]
mod tests;
