// SPDX-License-Identifier: Apache-2.0

use std::collections::HashMap;
use std::sync::Mutex;

use numaflow::sink::{KeyValueGroup, Message, Response, SinkRequest, Sinker};
use tokio::sync::mpsc::Receiver;

use crate::orders::{Orders, Sight};

#[derive(Default)]
pub struct Sink {
    /// How many times an id was seen that shall be refused.
    refused: Mutex<HashMap<String, i64>>,
}

impl Sink {
    fn answer(&self, datum: SinkRequest, orders: &Orders) -> Response {
        let id = datum.id;

        if let Some(most) = orders.number("failure") {
            let mut refused = self.refused.lock().expect("refused");
            let times = refused.entry(id.clone()).or_default();
            *times += 1;
            if *times <= most {
                return Response::failure(id, "asked to fail".to_string());
            }
        }
        if orders.has("fallback") {
            return Response::fallback(id);
        }
        if orders.has("serve") {
            return Response::serve(id, b"served".to_vec());
        }
        if let Some(text) = orders.get("success") {
            return Response::on_success(id, on_success(text, orders));
        }
        if orders.has("nack") {
            return Response::nack(id, orders.nack());
        }
        Response::ok(id)
    }
}

fn on_success(text: &str, orders: &Orders) -> Option<Message> {
    if text.is_empty() {
        return None;
    }
    let mut user: HashMap<String, HashMap<String, Vec<u8>>> = HashMap::new();
    for (group, key, value) in orders.metadata() {
        user.entry(group).or_default().insert(key, value);
    }
    let user = user.into_iter().map(|(g, kv)| (g, KeyValueGroup::from(kv)));
    Message::new(text.as_bytes().to_vec())
        .with_keys(vec!["on-success".to_string()])
        .with_user_metadata(user.collect())
        .build()
}

#[tonic::async_trait]
impl Sinker for Sink {
    async fn sink(&self, mut input: Receiver<SinkRequest>) -> Vec<Response> {
        let mut responses = Vec::new();

        while let Some(datum) = input.recv().await {
            let orders = Orders::of(&datum.headers);
            let user = &datum.user_metadata;
            Sight {
                id: &datum.id,
                value: &datum.value,
                keys: &datum.keys,
                headers: &datum.headers,
                time: datum.event_time,
                watermark: datum.watermark,
                retry: datum.system_metadata.value("sink", "retry_count"),
            }
            .write(
                || user.groups(),
                |g| user.keys(g),
                |g, k| user.value(g, k),
            );
            orders.misbehave().await;
            responses.push(self.answer(datum, &orders));
        }
        responses
    }
}
