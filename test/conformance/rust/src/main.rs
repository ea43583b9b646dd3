//! Hands calls to the AWS SDK for Rust: a request a line on standard input, a reply a line on
//! standard output. The SDK has a type for every input and output, so each operation is
//! written out here; those are the operations that the tests of this client call.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{stdin, stdout, BufRead, Write};

use aws_sdk_ivsrealtime::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_ivsrealtime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ivsrealtime::operation::RequestId;
use aws_sdk_ivsrealtime::primitives::DateTimeFormat;
use aws_sdk_ivsrealtime::Client;
use serde_json::{json, Value};

type Clients = HashMap<String, Client>;

fn text(value: &Value, member: &str) -> Option<String> {
    value[member].as_str().map(String::from)
}

fn number(value: &Value, member: &str) -> Option<i32> {
    value[member].as_i64().map(|n| n as i32)
}

fn map(value: &Value, member: &str) -> Option<HashMap<String, String>> {
    let entries = value[member].as_object()?;
    Some(entries.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_string())).collect())
}

fn client(clients: &mut Clients, caller: &Value) -> Client {
    let endpoint = text(caller, "endpoint").unwrap_or_default();
    let name = format!("{} {endpoint}", caller["name"]);
    let new = || {
        let credentials = Credentials::new(
            text(caller, "accessKey").unwrap_or_default(),
            text(caller, "secretKey").unwrap_or_default(),
            text(caller, "sessionToken"),
            None,
            "conformance",
        );
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(text(caller, "region").unwrap_or_default()))
            .endpoint_url(&endpoint)
            .credentials_provider(credentials)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    };
    clients.entry(name).or_insert_with(new).clone()
}

/// What the SDK made of a failure.
fn failure<E, R>(error: SdkError<E, R>) -> Value
where
    E: ProvideErrorMetadata + RequestId + Debug,
    R: Debug,
    SdkError<E, R>: std::fmt::Display + RequestId + RawStatus,
{
    let shown = error.to_string();
    let id = error.request_id().unwrap_or_default().to_string();
    let status = error.status();
    let kind = match &error {
        SdkError::ServiceError(_) => "ServiceError",
        _ => panic!("the server did not answer: {error:?}"),
    };
    json!({"requestId": id, "error": {
        "name": error.code().unwrap_or_default(), "type": kind, "status": status,
        "message": error.message().unwrap_or_default(), "shown": shown,
    }})
}

trait RawStatus {
    fn status(&self) -> u16;
}

impl<E> RawStatus for SdkError<E, aws_sdk_ivsrealtime::config::http::HttpResponse> {
    fn status(&self) -> u16 {
        self.raw_response().map(|r| r.status().as_u16()).unwrap_or_default()
    }
}

macro_rules! call {
    ($builder:expr, $out:ident => $page:expr) => {
        match $builder.send().await {
            Ok($out) => json!({"requestId": $out.request_id().unwrap_or_default(), "pages": [$page]}),
            Err(e) => failure(e),
        }
    };
}

async fn answer(clients: &mut Clients, request: &Value) -> Value {
    let c = client(clients, &request["caller"]);
    let input = &request["input"];
    match request["operation"].as_str().unwrap_or_default() {
        "CreateStage" => call!(c.create_stage().set_name(text(input, "name")).set_tags(map(input, "tags")), out => {
            let stage = out.stage().expect("a stage");
            json!({"stage": {"arn": stage.arn(), "name": stage.name(), "tags": stage.tags()}})
        }),
        "GetStage" => call!(c.get_stage().set_arn(text(input, "arn")), out => {
            let stage = out.stage().expect("a stage");
            let endpoints = stage.endpoints().expect("its endpoints");
            json!({"stage": {
                "arn": stage.arn(), "name": stage.name(), "tags": stage.tags(),
                "endpoints": {"events": endpoints.events(), "whip": endpoints.whip()},
            }})
        }),
        "ListStages" => list_stages(&c, request["pageSize"].as_i64().unwrap_or(50) as i32).await,
        "DeleteStage" => call!(c.delete_stage().set_arn(text(input, "arn")), _out => json!({})),
        "CreateParticipantToken" => call!(
            c.create_participant_token()
                .set_stage_arn(text(input, "stageArn"))
                .set_user_id(text(input, "userId"))
                .set_duration(number(input, "duration"))
                .set_attributes(map(input, "attributes")),
            out => {
                let token = out.participant_token().expect("a token");
                let expires = token.expiration_time().and_then(|t| t.fmt(DateTimeFormat::DateTime).ok());
                json!({"participantToken": {
                    "participantId": token.participant_id(), "token": token.token(), "userId": token.user_id(),
                    "duration": token.duration(), "attributes": token.attributes(), "expirationTime": expires,
                }})
            }
        ),
        "TagResource" => call!(c.tag_resource().set_resource_arn(text(input, "resourceArn")).set_tags(map(input, "tags")), _out => json!({})),
        "ListTagsForResource" => call!(c.list_tags_for_resource().set_resource_arn(text(input, "resourceArn")), out => json!({"tags": out.tags()})),
        "RevokeConnectionToken" => call!(c.revoke_connection_token().set_token_id(text(input, "tokenId")), _out => json!({})),
        "StopComposition" => call!(c.stop_composition().set_arn(text(input, "arn")), _out => json!({})),
        other => panic!("{other} is not written out here"),
    }
}

async fn list_stages(c: &Client, size: i32) -> Value {
    let mut pages = c.list_stages().into_paginator().page_size(size).send();
    let (mut all, mut id) = (Vec::new(), String::new());
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(e) => return failure(e),
        };
        id = page.request_id().unwrap_or_default().to_string();
        let stages: Vec<Value> = page.stages().iter().map(|s| json!({"arn": s.arn(), "name": s.name()})).collect();
        all.push(json!({"stages": stages}));
    }
    json!({"requestId": id, "pages": all})
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut clients = Clients::new();
    for line in stdin().lock().lines() {
        let request = serde_json::from_str(&line.expect("a line")).expect("a request");
        let reply = runtime.block_on(answer(&mut clients, &request));
        writeln!(stdout(), "{reply}").expect("a reader");
    }
}
