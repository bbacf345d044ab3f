use super::*;

fn operations() -> Vec<(String, Value)> {
    let document: Value = serde_json::from_str(document().unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    paths
        .into_iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().clone();
            methods.into_iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

#[test]
fn no_key_stands_twice() {
    scan(document().unwrap(), MAX_DEPTH).unwrap();
}

#[test]
fn every_operation_says_what_it_is() {
    let document: Value = serde_json::from_str(document().unwrap()).unwrap();
    for (name, operation) in operations() {
        for key in ["summary", "operationId"] {
            assert!(operation[key].as_str().is_some_and(|text| !text.is_empty()), "{name} has no {key}");
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name} has no tag of its own");
        for response in operation["responses"].as_object().unwrap().values() {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        }
        if let Some(schema) = operation["requestBody"]["content"][JSON].get("schema") {
            let named = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
            assert!(document["components"]["schemas"][named].get("example").is_some(), "{name}: no example");
        }
    }
}

#[test]
fn the_document_is_openapi_3_0() {
    let document: Value = serde_json::from_str(document().unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.0.0");
    assert!(document.get("webhooks").is_none());
    let text = document.to_string();
    for noise in ["charset", "\"deprecated\":false", "\"explode\":true", "uint", "Codes:"] {
        assert!(!text.contains(noise), "{noise}");
    }
}

/// The committed document; `UPDATE_SNAPSHOTS=1 cargo test -p jim-server` writes it.
#[test]
fn the_committed_document_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let now = format!("{}\n", document().unwrap());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(committed == now, "docs/openapi.json is not up to date: UPDATE_SNAPSHOTS=1 cargo test -p jim-server");
}

#[test]
fn problems_follow_from_shape_and_description() {
    let spec = |description: &str, status: &str| {
        json!({
            "openapi": "3.0.0",
            "paths": { "/api/v1/x/{id}": { "post": {
                "description": description,
                "security": [{ "Bearer": [] }],
                "parameters": [{ "in": "path", "name": "id" }],
                "requestBody": { "content": { "application/json; charset=utf-8": { "schema": { "$ref": "#/components/schemas/X" } } }, "required": true },
                "responses": { status: { "description": "" } },
            } } },
            "components": { "schemas": { "X": { "type": "object" } } },
        })
        .to_string()
    };
    let document = complete(&spec("Does it.\n\nCodes: `friend.self`,\n`friend.exists`.", "200")).unwrap();
    let operation = &document["paths"]["/api/v1/x/{id}"]["post"];
    let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "400", "401", "404", "408", "409", "413", "415", "422", "429", "500", "503"]);
    let invalid = operation["responses"]["422"]["description"].as_str().unwrap();
    for code in ["request.invalid", "request.unknown_field", "friend.self"] {
        assert!(invalid.contains(code), "{invalid}");
    }
    assert_eq!(operation["description"], "Does it.");
    assert_eq!(operation["requestBody"]["required"], false);
    assert!(operation["responses"]["429"]["headers"]["Retry-After"].is_object());
    assert!(complete(&spec("Codes: `friend.slef`.", "200")).unwrap_err().contains("friend.slef"));
    assert!(complete(r#"{"a":1,"a":2}"#).is_err());
}
