//! The routes of the server: one table, made from the API's own declarations.

use std::collections::HashMap;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::middleware::AddDataEndpoint;
use poem::{Endpoint, EndpointExt as _, Request, Response, Route};
use poem_openapi::OpenApi;
// The extractor of query parameters takes this from the request; only `OpenApiService`, which knows neither `Allow`
// nor the pattern of a route, would put it there.
use poem_openapi::__private::UrlQuery;

use crate::docs;
use crate::edge::{Edge, Rules};
use crate::problem::ApiError;
use crate::problem::table::http;
use crate::visit::Visit;

/// Where the API begins; what stands elsewhere is for operation.
pub const BASE: &str = "/api/v1";

/// The endpoints of one server.
pub struct App<D> {
    /// What clients call.
    pub public: Edge<AddDataEndpoint<Route, D>>,
    /// Health and documentation, if they have a listener of their own.
    pub ops: Option<Edge<AddDataEndpoint<Route, D>>>,
}

/// What the API does not declare: paths that answer GET, and stay open. Asked for by the head alone one would take a place
/// and read nothing.
pub type Extra = (&'static str, BoxEndpoint<'static>);

impl<D: Clone + Send + Sync + 'static> App<D> {
    /// Puts an API behind the edge, with data that its extractors find; `split` keeps what is for operation off the
    /// public listener.
    #[must_use]
    pub fn new(api: impl OpenApi, extra: Vec<Extra>, data: &D, rules: impl Fn() -> Rules, split: bool) -> Self {
        let extra = extra
            .into_iter()
            .map(|(path, stream)| (path.to_owned(), Methods::new(path.into(), vec![(Method::GET, stream)], false)));
        let (public, ops): (Vec<_>, Vec<_>) =
            table(api).into_iter().chain(extra).partition(|(path, _)| !split || path.starts_with(BASE));
        let edge = |routes: Vec<(String, Methods)>| {
            let route = routes.into_iter().fold(Route::new(), |route, (path, methods)| route.at(path, methods));
            Edge::new(route.data(data.clone()), rules())
        };
        App { public: edge(public), ops: split.then(|| edge(ops)) }
    }
}

/// Every path with its methods.
fn table<T: OpenApi>(api: T) -> Vec<(String, Methods)> {
    let patterns: HashMap<String, Arc<str>> = T::meta()
        .into_iter()
        .flat_map(|api| api.paths)
        .map(|path| (numbered(&path.path), Arc::from(path.path)))
        .collect();
    let mut declared = HashMap::new();
    api.add_routes(&mut declared);
    let declared = declared.into_iter().map(|(path, methods)| {
        let pattern = patterns.get(&path).cloned().unwrap_or_else(|| Arc::from(&*path));
        (path, Methods::new(pattern, methods.into_iter().collect(), true))
    });
    let pages =
        docs::pages().map(|(path, page)| (path.to_owned(), Methods::new(path.into(), vec![(Method::GET, page)], true)));
    declared.chain(pages).collect()
}

/// The path that poem-openapi routes by: `/a/{b}` becomes `/a/:param0`.
fn numbered(path: &str) -> String {
    let mut count = 0;
    let mut part = |part: &str| {
        if !part.starts_with('{') {
            return part.to_owned();
        }
        count += 1;
        format!(":param{}", count - 1)
    };
    path.split('/').map(&mut part).collect::<Vec<_>>().join("/")
}

/// The methods of one path.
struct Methods {
    pattern: Arc<str>,
    allow: HeaderValue,
    /// Whether HEAD is answered as GET is.
    head: bool,
    endpoints: Vec<(Method, BoxEndpoint<'static>)>,
}

impl Methods {
    fn new(pattern: Arc<str>, mut endpoints: Vec<(Method, BoxEndpoint<'static>)>, head: bool) -> Self {
        endpoints.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        let mut names: Vec<&str> = endpoints.iter().map(|(method, _)| method.as_str()).collect();
        if let Some(get) = names.iter().position(|name| head && *name == "GET") {
            names.insert(get + 1, "HEAD");
        }
        let allow = HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""));
        Methods { pattern, allow, head, endpoints }
    }

    fn of(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        self.endpoints.iter().find(|(own, _)| own == method).map(|(_, endpoint)| endpoint)
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        if let Some(visit) = Visit::of(&request) {
            visit.set_route(&self.pattern);
        }
        let query = match request.uri().query() {
            Some(_) => request.params().map_err(|_| ApiError::new(http::MALFORMED))?,
            None => Vec::new(),
        };
        request.set_data(UrlQuery(query));
        if let Some(endpoint) = self.of(request.method()) {
            return endpoint.call(request).await;
        }
        match self.of(&Method::GET).filter(|_| self.head && request.method() == Method::HEAD) {
            // hyper sends the head alone, with the length that the body would have.
            Some(endpoint) => endpoint.call(request).await,
            None => Err(ApiError::method_not_allowed(self.allow.clone()).into()),
        }
    }
}

/// A page that is the same for everybody.
pub(crate) fn page(make: impl Fn() -> poem::Result<Response> + Send + Sync + 'static) -> BoxEndpoint<'static> {
    poem::endpoint::make_sync(move |_| make()).map_to_response().boxed()
}
