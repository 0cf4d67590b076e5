// SPDX-License-Identifier: Apache-2.0

// A user function with numaflow-go; ../README says what it is told to do.
package main

import (
	"context"
	"fmt"
	"os"

	numaflow "github.com/numaproj/numaflow-go/pkg"
	"github.com/numaproj/numaflow-go/pkg/batchmapper"
	"github.com/numaproj/numaflow-go/pkg/mapper"
	"github.com/numaproj/numaflow-go/pkg/mapstreamer"
	"github.com/numaproj/numaflow-go/pkg/sinker"
	"github.com/numaproj/numaflow-go/pkg/sourcetransformer"
)

var role, mode = "", "sync"

// Where a role's server listens, if FUNCTION_DIR says so.
type place struct{ socket, info string }

var places = map[string]place{
	"transformer sync": {"sourcetransform.sock", "sourcetransformer-server-info"},
	"map sync":         {"map.sock", "mapper-server-info"},
	"map batch":        {"batchmap.sock", "mapper-server-info"},
	"map stream":       {"mapstream.sock", "mapper-server-info"},
	"sink sync":        {"sink.sock", "sinker-server-info"},
	"fallback sync":    {"fb-sink.sock", "fb-sinker-server-info"},
	"onSuccess sync":   {"ons-sink.sock", "ons-sinker-server-info"},
}

// The options of the five packages are five types with the same two functions.
func at[O any](p place, socket, info func(string) O) []O {
	dir := os.Getenv("FUNCTION_DIR")
	if dir == "" {
		return nil
	}
	return []O{socket(dir + "/" + p.socket), info(dir + "/" + p.info)}
}

func server(p place) numaflow.Server {
	switch role + " " + mode {
	case "transformer sync":
		return sourcetransformer.NewServer(
			sourcetransformer.SourceTransformFunc(transform),
			at(p, sourcetransformer.WithSockAddr,
				sourcetransformer.WithServerInfoFilePath)...)
	case "map sync":
		return mapper.NewServer(mapper.MapperFunc(mapOne),
			at(p, mapper.WithSockAddr, mapper.WithServerInfoFilePath)...)
	case "map batch":
		return batchmapper.NewServer(batchmapper.BatchMapperFunc(mapBatch),
			at(p, batchmapper.WithSockAddr,
				batchmapper.WithServerInfoFilePath)...)
	case "map stream":
		return mapstreamer.NewServer(mapstreamer.MapStreamerFunc(mapStream),
			at(p, mapstreamer.WithSockAddr,
				mapstreamer.WithServerInfoFilePath)...)
	}
	return sinker.NewServer(sinker.SinkerFunc(sink),
		at(p, sinker.WithSockAddr, sinker.WithServerInfoFilePath)...)
}

func main() {
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	if len(os.Args) > 2 {
		mode = os.Args[2]
	}
	p, ok := places[role+" "+mode]
	if !ok {
		fmt.Fprintf(os.Stderr, "function: no role %q of mode %q\n", role, mode)
		os.Exit(2)
	}
	if err := server(p).Start(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "function:", err)
		os.Exit(1)
	}
}
