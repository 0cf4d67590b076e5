// SPDX-License-Identifier: Apache-2.0
//! Transformer and map.

use chrono::{DateTime, Utc};
use numaflow::{batchmap, map, mapstream, sourcetransform as transform};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::orders::{Orders, Sight};

pub struct Stage;

/// A result, before it is of some package's type.
enum Made {
    Drop,
    Nack,
    Content(Vec<u8>, Vec<String>, Vec<String>),
}

fn results(orders: &Orders, keys: Vec<String>, value: Vec<u8>) -> Vec<Made> {
    if orders.has("none") {
        return Vec::new();
    }
    if orders.has("drop") {
        return vec![Made::Drop];
    }
    if orders.has("nack") {
        return vec![Made::Nack];
    }
    let value = match orders.get("value") {
        Some(text) => text.as_bytes().to_vec(),
        None => value,
    };
    let keys = match orders.has("key") {
        true => orders.all("key"),
        false => keys,
    };
    let tags = orders.all("tag");
    let Some(copies) = orders.number("copies") else {
        return vec![Made::Content(value, keys, tags)];
    };
    let copy = |i| {
        let value = [&value[..], format!("/{i}").as_bytes()].concat();
        Made::Content(value, keys.clone(), tags.clone())
    };
    (0..copies).map(copy).collect()
}

fn time(orders: &Orders, time: DateTime<Utc>) -> DateTime<Utc> {
    let wanted = orders.number("time");
    wanted
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or(time)
}

// The packages have the same requests, each of its own type.
macro_rules! begin {
    ($input:expr, $time:ident, $id:expr, $user:expr) => {{
        let orders = Orders::of(&$input.headers);
        Sight {
            id: $id,
            value: &$input.value,
            keys: &$input.keys,
            headers: &$input.headers,
            time: $input.$time,
            watermark: $input.watermark,
            retry: Vec::new(),
        }
        .write(
            || $user.groups(),
            |group| $user.keys(group),
            |group, key| $user.value(group, key),
        );
        orders.misbehave().await;
        orders
    }};
}

#[tonic::async_trait]
impl transform::SourceTransformer for Stage {
    async fn transform(
        &self,
        input: transform::SourceTransformRequest,
    ) -> Vec<transform::Message> {
        let orders = begin!(input, eventtime, "", input.user_metadata);
        let when = time(&orders, input.eventtime);
        let made = results(&orders, input.keys, input.value);
        let message = |made| match made {
            Made::Drop => transform::Message::message_to_drop(when),
            Made::Nack => {
                transform::Message::message_to_nack(when, orders.nack())
            }
            Made::Content(value, keys, tags) => {
                let mut user = transform::UserMetadata::new();
                for (group, key, value) in orders.metadata() {
                    user.add_kv(group, key, value);
                }
                transform::Message::new(value, when)
                    .with_keys(keys)
                    .with_tags(tags)
                    .with_user_metadata(user)
            }
        };
        made.into_iter().map(message).collect()
    }
}

#[tonic::async_trait]
impl map::Mapper for Stage {
    async fn map(&self, input: map::MapRequest) -> Vec<map::Message> {
        let orders = begin!(input, eventtime, "", input.user_metadata);
        let made = results(&orders, input.keys, input.value);
        let message = |made| match made {
            Made::Drop => map::Message::message_to_drop(),
            Made::Nack => map::Message::message_to_nack(orders.nack()),
            Made::Content(value, keys, tags) => {
                let mut user = map::UserMetadata::new();
                for (group, key, value) in orders.metadata() {
                    user.add_kv(group, key, value);
                }
                map::Message::new(value)
                    .with_keys(keys)
                    .with_tags(tags)
                    .with_user_metadata(user)
            }
        };
        made.into_iter().map(message).collect()
    }
}

#[tonic::async_trait]
impl batchmap::BatchMapper for Stage {
    async fn batchmap(
        &self,
        mut input: Receiver<batchmap::Datum>,
    ) -> Vec<batchmap::BatchResponse> {
        let none = map::UserMetadata::new();
        let mut responses = Vec::new();

        while let Some(datum) = input.recv().await {
            let orders = begin!(datum, event_time, &datum.id, none);
            let mut response = batchmap::BatchResponse::from_id(datum.id);
            for made in results(&orders, datum.keys, datum.value) {
                response.append(match made {
                    Made::Drop => batchmap::Message::message_to_drop(),
                    Made::Nack => {
                        batchmap::Message::message_to_nack(orders.nack())
                    }
                    Made::Content(value, keys, tags) => {
                        batchmap::Message::new(value)
                            .with_keys(keys)
                            .with_tags(tags)
                    }
                });
            }
            responses.push(response);
        }
        responses
    }
}

#[tonic::async_trait]
impl mapstream::MapStreamer for Stage {
    async fn map_stream(
        &self,
        input: mapstream::MapStreamRequest,
        tx: Sender<mapstream::Message>,
    ) {
        let none = map::UserMetadata::new();
        let orders = begin!(input, eventtime, "", none);
        for made in results(&orders, input.keys, input.value) {
            let message = match made {
                Made::Drop => mapstream::Message::message_to_drop(),
                Made::Nack => {
                    mapstream::Message::message_to_nack(orders.nack())
                }
                Made::Content(value, keys, tags) => {
                    mapstream::Message::new(value)
                        .with_keys(keys)
                        .with_tags(tags)
                }
            };
            if tx.send(message).await.is_err() {
                return;
            }
        }
    }
}
