// SPDX-License-Identifier: Apache-2.0
//! What a record's orders are, and what is written about it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use numaflow::shared::NackOptions;
use serde_json::{Map, Value, json};

pub static ROLE: LazyLock<String> =
    LazyLock::new(|| std::env::args().nth(1).unwrap_or_default());
static HEADER: LazyLock<String> = LazyLock::new(|| format!("do.{}", *ROLE));
static DEFAULT: LazyLock<String> =
    LazyLock::new(|| std::env::var("FUNCTION_DO").unwrap_or_default());
static LOG: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
    let path = std::env::var("FUNCTION_LOG").ok()?;
    let file = OpenOptions::new().append(true).create(true).open(&path);
    Some(Mutex::new(file.expect("FUNCTION_LOG")))
});

/// Words: name, or name=value, some of them repeated.
pub struct Orders(Vec<(String, String)>);

impl Orders {
    pub fn of(headers: &HashMap<String, String>) -> Self {
        let text = headers.get(&*HEADER).unwrap_or(&*DEFAULT);
        let split = |word: &str| match word.split_once('=') {
            Some((name, value)) => (name.to_string(), value.to_string()),
            None => (word.to_string(), String::new()),
        };
        Self(text.split_whitespace().map(split).collect())
    }

    pub fn all(&self, name: &str) -> Vec<String> {
        let with = self.0.iter().filter(|(n, _)| n == name);
        with.map(|(_, value)| value.clone()).collect()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub fn number(&self, name: &str) -> Option<i64> {
        self.get(name).map(|text| text.parse().expect("a number"))
    }

    /// DELAY:DELIVERIES:REASON
    pub fn nack(&self) -> Option<NackOptions> {
        let parts: Vec<&str> = self.get("nack")?.splitn(3, ':').collect();
        let [delay, deliveries, reason] = parts[..] else {
            return None;
        };
        Some(NackOptions {
            delay: delay.parse().ok(),
            max_deliveries: deliveries.parse().ok(),
            reason: Some(reason.to_string()),
        })
    }

    pub fn metadata(&self) -> Vec<(String, String, Vec<u8>)> {
        let texts = self.all("meta");
        let split = |text: &String| {
            let p: Vec<&str> = text.splitn(3, '/').collect();
            let [group, key, value] = p[..] else {
                return None;
            };
            Some((
                group.to_string(),
                key.to_string(),
                value.as_bytes().to_vec(),
            ))
        };
        texts.iter().filter_map(split).collect()
    }

    pub async fn misbehave(&self) {
        if self.has("exit") {
            std::process::exit(3);
        }
        if self.has("panic") {
            panic!("asked to fail");
        }
        if self.has("hang") {
            std::future::pending::<()>().await;
        }
        if let Some(ms) = self.number("slow") {
            tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        }
    }
}

/// What each package of the SDK calls a request or a datum.
pub struct Sight<'a> {
    pub id: &'a str,
    pub value: &'a [u8],
    pub keys: &'a [String],
    pub headers: &'a HashMap<String, String>,
    pub time: DateTime<Utc>,
    pub watermark: DateTime<Utc>,
    pub retry: Vec<u8>,
}

impl Sight<'_> {
    /// The three functions are those of the package's user metadata.
    pub fn write<G, K, V>(&self, groups: G, keys: K, value: V)
    where
        G: Fn() -> Vec<String>,
        K: Fn(&str) -> Vec<String>,
        V: Fn(&str, &str) -> Vec<u8>,
    {
        let Some(log) = LOG.as_ref() else {
            return;
        };
        let mut user = Map::new();
        for group in groups() {
            let pairs = keys(&group).into_iter().map(|key| {
                let text = STANDARD.encode(value(&group, &key));
                (key, Value::String(text))
            });
            let pairs: Map<String, Value> = pairs.collect();
            user.insert(group, Value::Object(pairs));
        }
        let line = json!({
            "role": *ROLE, "id": self.id,
            "value": STANDARD.encode(self.value), "keys": self.keys,
            "headers": self.headers,
            "time": self.time.timestamp_millis(),
            "watermark": self.watermark.timestamp_millis(),
            "retry": String::from_utf8_lossy(&self.retry),
            "user": user, "pid": std::process::id(),
        });
        let text = format!("{line}\n");
        let mut file = log.lock().unwrap_or_else(|e| e.into_inner());
        file.write_all(text.as_bytes()).expect("FUNCTION_LOG");
    }
}
