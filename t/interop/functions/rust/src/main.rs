// SPDX-License-Identifier: Apache-2.0
//! A user function with the crate numaflow; ../README says what it is told to
//! do.

mod orders;
mod sink;
mod stages;

use std::path::PathBuf;

use numaflow::shared::ServerExtras;
use orders::ROLE;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Where the server listens, if FUNCTION_DIR says so.
fn at<T, S: ServerExtras<T>>(server: S, socket: &str, info: &str) -> S {
    let Some(dir) = std::env::var_os("FUNCTION_DIR").map(PathBuf::from) else {
        return server;
    };
    server
        .with_socket_file(dir.join(socket))
        .with_server_info_file(dir.join(info))
}

#[tokio::main]
async fn main() -> Outcome {
    let mode = std::env::args().nth(2).unwrap_or("sync".to_string());
    let sinker = numaflow::sink::Server::new(sink::Sink::default());

    match (ROLE.as_str(), mode.as_str()) {
        ("sink", "sync") => {
            at(sinker, "sink.sock", "sinker-server-info").start().await
        }
        ("fallback", "sync") => {
            at(sinker, "fb-sink.sock", "fb-sinker-server-info")
                .start()
                .await
        }
        ("onSuccess", "sync") => {
            at(sinker, "ons-sink.sock", "ons-sinker-server-info")
                .start()
                .await
        }
        ("transformer", "sync") => {
            let server = numaflow::sourcetransform::Server::new(stages::Stage);
            let info = "sourcetransformer-server-info";
            at(server, "sourcetransform.sock", info).start().await
        }
        ("map", "sync") => {
            let server = numaflow::map::Server::new(stages::Stage);
            at(server, "map.sock", "mapper-server-info").start().await
        }
        ("map", "batch") => {
            let server = numaflow::batchmap::Server::new(stages::Stage);
            at(server, "batchmap.sock", "mapper-server-info")
                .start()
                .await
        }
        ("map", "stream") => {
            let server = numaflow::mapstream::Server::new(stages::Stage);
            at(server, "mapstream.sock", "mapper-server-info")
                .start()
                .await
        }
        (role, mode) => Err(format!("no role {role} of mode {mode}").into()),
    }
}
