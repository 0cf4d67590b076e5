// SPDX-License-Identifier: Apache-2.0
//! The client that a program in Rust would be: it makes the calls that a
//! worker makes of a sink, with tonic, and nothing else.  Records come from
//! no broker: their cost is left out.
//!
//!     tonic-client SOCKET RECORDS BYTES [BATCH]
//!
//! It prints seconds of wall clock and CPU: "records R wall S cpu S".

use std::collections::HashMap;
use std::time::Instant;

use hyper_util::rt::TokioIo;
use numaflow::proto::metadata::{KeyValueGroup, Metadata};
use numaflow::proto::sink::TransmissionStatus;
use numaflow::proto::sink::sink_client::SinkClient;
use numaflow::proto::sink::sink_request::Request;
use numaflow::proto::sink::{Handshake, SinkRequest, Status};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint, Uri};

type Error = Box<dyn std::error::Error>;

const TOPIC: &str = "t-12345-12345678-0";
const LIMIT: usize = 64 * 1024 * 1024;

async fn connect(socket: String) -> Result<SinkClient<Channel>, Error> {
    let endpoint = Endpoint::try_from("http://[::1]:50051")?;
    let channel = endpoint
        .connect_with_connector(tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move {
                let stream = UnixStream::connect(socket).await?;
                Ok::<_, std::io::Error>(TokioIo::new(stream))
            }
        }))
        .await?;
    Ok(SinkClient::new(channel)
        .max_decoding_message_size(LIMIT)
        .max_encoding_message_size(LIMIT))
}

// Field by field what a worker sends for a record of the benchmark.
fn request(value: &[u8], offset: u64) -> SinkRequest {
    let retry = HashMap::from([("retry_count".to_string(), b"0".to_vec())]);
    let sink = KeyValueGroup { key_value: retry };
    SinkRequest {
        request: Some(Request {
            keys: Vec::new(),
            value: value.to_vec(),
            event_time: Some(prost_time(1_700_000_000, offset)),
            watermark: None,
            id: format!("demo-{TOPIC}:0:{offset}-0-0"),
            headers: HashMap::from([(
                "X-NF-Kafka-TopicName".to_string(),
                TOPIC.to_string(),
            )]),
            metadata: Some(Metadata {
                sys_metadata: HashMap::from([("sink".to_string(), sink)]),
                ..Default::default()
            }),
        }),
        status: None,
        handshake: None,
    }
}

fn prost_time(seconds: i64, ms: u64) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds,
        nanos: (ms % 1000) as i32 * 1_000_000,
    }
}

fn cpu_seconds() -> Result<f64, Error> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(") ").next().unwrap_or("");
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse().unwrap_or(0.0))
        .collect();
    Ok(ticks.iter().sum::<f64>() / 100.0)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().collect();
    let records: u64 = args[2].parse()?;
    let value = vec![b'x'; args[3].parse()?];
    let batch: u64 = args.get(4).map_or(Ok(500), |text| text.parse())?;
    let mut client = connect(args[1].clone()).await?;
    let (tx, rx) = mpsc::channel(batch as usize);

    assert!(client.is_ready(()).await?.into_inner().ready);
    tx.send(SinkRequest {
        request: None,
        status: None,
        handshake: Some(Handshake { sot: true }),
    })
    .await?;
    let mut answers =
        client.sink_fn(ReceiverStream::new(rx)).await?.into_inner();
    let hello = answers.message().await?.ok_or("no handshake")?;
    assert!(hello.handshake.is_some_and(|h| h.sot));

    let begun = Instant::now();
    let mut sent = 0;
    while sent < records {
        let n = batch.min(records - sent);
        for i in 0..n {
            tx.send(request(&value, sent + i)).await?;
        }
        tx.send(SinkRequest {
            request: None,
            status: Some(TransmissionStatus { eot: true }),
            handshake: None,
        })
        .await?;
        // Each id is to be found again, as upstream does.
        let mut delivered = HashMap::with_capacity(n as usize);
        loop {
            let answer = answers.message().await?.ok_or("ended")?;
            if answer.status.is_some_and(|s| s.eot) {
                break;
            }
            for result in answer.results {
                assert_eq!(result.status, Status::Success as i32);
                delivered.insert(result.id, ());
            }
        }
        assert_eq!(delivered.len() as u64, n);
        sent += n;
    }
    println!(
        "records {records} wall {:.3} cpu {:.3}",
        begun.elapsed().as_secs_f64(),
        cpu_seconds()?
    );
    Ok(())
}
