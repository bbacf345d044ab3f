//! Bodies of answers.

use std::marker::PhantomData;

use bytes::Bytes;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde::Serialize;

use crate::body::JSON;
use crate::problem::ApiError;

/// JSON that is encoded already, such as a stored entry; the document shows it as `T`.
#[derive(Debug)]
pub struct Raw<T> {
    json: Bytes,
    shown_as: PhantomData<fn() -> T>,
}

impl<T> Raw<T> {
    /// Takes JSON that fits the schema of `T`.
    #[must_use]
    pub fn new(json: impl Into<Bytes>) -> Self {
        Raw { json: json.into(), shown_as: PhantomData }
    }

    /// Encodes a value in one pass, without the tree of values that `Json` makes.
    pub fn of(value: &impl Serialize) -> Result<Self, ApiError> {
        serde_json::to_vec(value).map(Raw::new).map_err(ApiError::server)
    }
}

impl<T: Type> Payload for Raw<T> {
    const CONTENT_TYPE: &'static str = JSON;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Send> IntoResponse for Raw<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(JSON).body(self.json)
    }
}

impl<T: Type> ApiResponse for Raw<T> {
    fn meta() -> MetaResponses {
        let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
        let ok = MetaResponse { description: "", status: Some(200), status_range: None, content, headers: vec![] };
        MetaResponses { responses: vec![ok] }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// The thing that was made.
#[derive(ApiResponse)]
pub enum Created<T: ToJSON> {
    /// Made.
    #[oai(status = 201)]
    Thing(Json<T>),
}

/// Done, nothing to show.
#[derive(ApiResponse)]
pub enum Done {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// Taken, done later.
#[derive(ApiResponse)]
pub enum Accepted {
    /// Taken.
    #[oai(status = 202)]
    Accepted,
}
