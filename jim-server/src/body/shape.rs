//! Which field of a well-formed body does not fit, in the words of the surface.

use jim_core::{Code, FieldError};
use serde::de::DeserializeOwned;

use crate::problem::ApiError;
use crate::problem::table::http;

/// Longest path that is told; it may hold keys of the client's making.
const MAX_PATH: usize = 128;

/// The refusal of a body that does not fit `T`. Reads it a second time, to follow the path: only a body that is
/// refused pays for that.
pub(super) fn refused<T: DeserializeOwned>(text: &str) -> ApiError {
    let mut json = serde_json::Deserializer::from_str(text);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
        return ApiError::new(Code::Invalid.as_str());
    };
    let path = match error.path().to_string() {
        root if root == "." => String::new(),
        path => path,
    };
    let (problem, code, field, detail) = sort_out(&error.inner().to_string(), path);
    let field = match field.char_indices().nth(MAX_PATH) {
        Some((end, _)) => field[..end].to_owned(),
        None => field,
    };
    ApiError::fields(problem, vec![FieldError { field, code, detail: detail.to_owned() }])
}

/// The refusal of a body that is a list or a bare value.
pub(super) fn no_object() -> ApiError {
    jim_core::Error::field("", "type", "The body must be an object.").into()
}

/// Problem, code, path and words of what serde says. Only serde's own words and names from our own types are read;
/// they are not passed on, as they may hold the value.
fn sort_out(said: &str, path: String) -> (&'static str, &'static str, String, &'static str) {
    let invalid = Code::Invalid.as_str();
    if said.starts_with("unknown field") {
        return (http::UNKNOWN_FIELD, "unknown", path, "This field is not known.");
    }
    if let Some(name) = said.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        return (invalid, "required", field, "This field must be there.");
    }
    if said.starts_with("invalid type") {
        return (invalid, "type", path, "This value is of the wrong type.");
    }
    if said.starts_with("unknown variant") {
        return (invalid, "unknown_value", path, "This value is not one of those allowed.");
    }
    (invalid, "invalid", path, "This value cannot be read.")
}
