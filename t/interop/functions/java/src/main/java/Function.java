// SPDX-License-Identifier: Apache-2.0

import io.numaproj.numaflow.mapper.Mapper;
import io.numaproj.numaflow.sinker.DatumIterator;
import io.numaproj.numaflow.sinker.Response;
import io.numaproj.numaflow.sinker.ResponseList;
import io.numaproj.numaflow.sinker.Sinker;
import io.numaproj.numaflow.sourcetransformer.SourceTransformer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A user function with numaflow-java; ../README says what it is told to do. */
public final class Function {
    private static final String LOG = System.getenv("FUNCTION_LOG");
    private static final String DROP = "U+005C__DROP__";
    private static final String NACK = "U+005C__NACK__";
    private static String role;

    /** Words: name, or name=value, some of them repeated. */
    private static final class Orders {
        private final Map<String, List<String>> words = new HashMap<>();

        Orders(Map<String, String> headers) {
            String text = headers.get("do." + role);
            if (text == null) {
                text = System.getenv().getOrDefault("FUNCTION_DO", "");
            }
            for (String word : text.trim().split("\\s+")) {
                String[] parts = word.split("=", 2);
                words.computeIfAbsent(parts[0], name -> new ArrayList<>())
                        .add(parts.length > 1 ? parts[1] : "");
            }
        }

        boolean has(String name) {
            return words.containsKey(name);
        }

        String get(String name) {
            return words.get(name).get(0);
        }

        String[] all(String name) {
            return words.getOrDefault(name, List.of()).toArray(new String[0]);
        }

        void misbehave() {
            if (has("exit")) {
                Runtime.getRuntime().halt(3);
            }
            if (has("panic")) {
                throw new IllegalStateException("asked to fail");
            }
            try {
                if (has("hang")) {
                    Thread.sleep(Long.MAX_VALUE);
                }
                if (has("slow")) {
                    Thread.sleep(Long.parseLong(get("slow")));
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    /** Writes what was seen. */
    private static synchronized void note(String id, byte[] value,
            String[] keys, Map<String, String> headers, Instant time,
            Instant watermark) {
        if (LOG == null) {
            return;
        }
        List<String> names = new ArrayList<>();
        for (String key : keys) {
            names.add(quote(key));
        }
        List<String> pairs = new ArrayList<>();
        new TreeMap<>(headers).forEach((name, text) ->
                pairs.add(quote(name) + ":" + quote(text)));
        String line = "{\"role\":" + quote(role) + ",\"id\":" + quote(id)
                + ",\"value\":\"" + Base64.getEncoder().encodeToString(value)
                + "\",\"keys\":[" + String.join(",", names)
                + "],\"headers\":{" + String.join(",", pairs)
                + "},\"time\":" + time.toEpochMilli()
                + ",\"watermark\":" + watermark.toEpochMilli()
                + ",\"retry\":\"\",\"user\":{},\"pid\":"
                + ProcessHandle.current().pid() + "}\n";
        try {
            Files.write(Path.of(LOG), line.getBytes(StandardCharsets.UTF_8),
                    StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Any of the three sinks. */
    private static final class Sink extends Sinker {
        private final Map<String, Integer> refused = new HashMap<>();

        private Response answer(String id, Orders orders) {
            if (orders.has("failure") && refused.merge(id, 1, Integer::sum)
                    <= Integer.parseInt(orders.get("failure"))) {
                return Response.responseFailure(id, "asked to fail");
            }
            if (orders.has("fallback")) {
                return Response.responseFallback(id);
            }
            for (String name : List.of("success", "serve", "nack")) {
                if (orders.has(name)) {
                    return Response.responseFailure(id,
                            "numaflow-java has no " + name);
                }
            }
            return Response.responseOK(id);
        }

        @Override
        public ResponseList processMessages(DatumIterator datums) {
            ResponseList.ResponseListBuilder list = ResponseList.newBuilder();
            while (true) {
                try {
                    io.numaproj.numaflow.sinker.Datum datum = datums.next();
                    if (datum == null) {
                        return list.build();
                    }
                    note(datum.getId(), datum.getValue(), datum.getKeys(),
                            datum.getHeaders(), datum.getEventTime(),
                            datum.getWatermark());
                    Orders orders = new Orders(datum.getHeaders());
                    orders.misbehave();
                    list.addResponse(answer(datum.getId(), orders));
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }

    /** A result, before it is of some package's type. */
    private record Made(byte[] value, String[] keys, String[] tags) { }

    private static List<Made> results(Orders orders, String[] keys,
            byte[] value) {
        List<Made> list = new ArrayList<>();
        for (String[] name : new String[][] {{"drop", DROP}, {"nack", NACK}}) {
            if (orders.has(name[0])) {
                list.add(new Made(new byte[0], new String[0],
                        new String[] {name[1]}));
                return list;
            }
        }
        if (orders.has("none")) {
            return list;
        }
        if (orders.has("value")) {
            value = orders.get("value").getBytes(StandardCharsets.UTF_8);
        }
        if (orders.has("key")) {
            keys = orders.all("key");
        }
        String[] tags = orders.all("tag");
        if (!orders.has("copies")) {
            list.add(new Made(value, keys, tags));
            return list;
        }
        for (int i = 0; i < Integer.parseInt(orders.get("copies")); i++) {
            byte[] tail = ("/" + i).getBytes(StandardCharsets.UTF_8);
            byte[] both = new byte[value.length + tail.length];
            System.arraycopy(value, 0, both, 0, value.length);
            System.arraycopy(tail, 0, both, value.length, tail.length);
            list.add(new Made(both, keys, tags));
        }
        return list;
    }

    private static final class Transform extends SourceTransformer {
        @Override
        public io.numaproj.numaflow.sourcetransformer.MessageList
                processMessage(String[] keys,
                io.numaproj.numaflow.sourcetransformer.Datum datum) {
            note("", datum.getValue(), keys, datum.getHeaders(),
                    datum.getEventTime(), datum.getWatermark());
            Orders orders = new Orders(datum.getHeaders());
            orders.misbehave();
            Instant time = orders.has("time")
                    ? Instant.ofEpochMilli(Long.parseLong(orders.get("time")))
                    : datum.getEventTime();
            var list = io.numaproj.numaflow.sourcetransformer.MessageList
                    .newBuilder();
            for (Made made : results(orders, keys, datum.getValue())) {
                list.addMessage(
                        new io.numaproj.numaflow.sourcetransformer.Message(
                        made.value(), time, made.keys(), made.tags()));
            }
            return list.build();
        }
    }

    private static final class Map1 extends Mapper {
        @Override
        public io.numaproj.numaflow.mapper.MessageList processMessage(
                String[] keys, io.numaproj.numaflow.mapper.Datum datum) {
            note("", datum.getValue(), keys, datum.getHeaders(),
                    datum.getEventTime(), datum.getWatermark());
            Orders orders = new Orders(datum.getHeaders());
            orders.misbehave();
            var list = io.numaproj.numaflow.mapper.MessageList.newBuilder();
            for (Made made : results(orders, keys, datum.getValue())) {
                list.addMessage(new io.numaproj.numaflow.mapper.Message(
                        made.value(), made.keys(), made.tags()));
            }
            return list.build();
        }
    }

    private static void sink(String dir, String name) throws Exception {
        var config = io.numaproj.numaflow.sinker.GRPCConfig.newBuilder();
        String info = name.replace("sink", "sinker") + "-server-info";
        var server = dir == null
                ? new io.numaproj.numaflow.sinker.Server(new Sink())
                : new io.numaproj.numaflow.sinker.Server(new Sink(),
                config.socketPath(dir + "/" + name + ".sock")
                .infoFilePath(dir + "/" + info)
                .maxMessageSize(64 << 20).build());
        server.start();
        server.awaitTermination();
    }

    private static void transform(String dir) throws Exception {
        var config = io.numaproj.numaflow.sourcetransformer.GRPCConfig
                .newBuilder();
        var server = dir == null
                ? new io.numaproj.numaflow.sourcetransformer.Server(
                new Transform())
                : new io.numaproj.numaflow.sourcetransformer.Server(
                new Transform(),
                config.socketPath(dir + "/sourcetransform.sock")
                .infoFilePath(dir + "/sourcetransformer-server-info")
                .maxMessageSize(64 << 20).build());
        server.start();
        server.awaitTermination();
    }

    private static void map(String dir) throws Exception {
        var config = io.numaproj.numaflow.mapper.GRPCConfig.newBuilder();
        var server = dir == null
                ? new io.numaproj.numaflow.mapper.Server(new Map1())
                : new io.numaproj.numaflow.mapper.Server(new Map1(),
                config.socketPath(dir + "/map.sock")
                .infoFilePath(dir + "/mapper-server-info")
                .maxMessageSize(64 << 20).build());
        server.start();
        server.awaitTermination();
    }

    private Function() { }

    public static void main(String[] args) throws Exception {
        String dir = System.getenv("FUNCTION_DIR");
        role = args[0];
        switch (role) {
            case "sink" -> sink(dir, "sink");
            case "fallback" -> sink(dir, "fb-sink");
            case "onSuccess" -> sink(dir, "ons-sink");
            case "transformer" -> transform(dir);
            case "map" -> map(dir);
            default -> throw new IllegalArgumentException(role);
        }
    }
}
