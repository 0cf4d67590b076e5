// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Orders are words: name, or name=value, some of them repeated.
type orders map[string][]string

func ordersOf(headers map[string]string) orders {
	text, ok := headers["do."+role]
	if !ok {
		text = os.Getenv("FUNCTION_DO")
	}
	o := orders{}
	for _, word := range strings.Fields(text) {
		name, value, _ := strings.Cut(word, "=")
		o[name] = append(o[name], value)
	}
	return o
}

func (o orders) has(name string) bool { return len(o[name]) > 0 }

func (o orders) number(name string) int {
	if !o.has(name) {
		return 0
	}
	n, err := strconv.Atoi(o[name][0])
	if err != nil {
		panic(err)
	}
	return n
}

// Nack options: DELAY:DELIVERIES:REASON; nil if there are none.
func (o orders) nack() (delay *uint64, deliveries *uint32, reason *string) {
	parts := strings.SplitN(o["nack"][0], ":", 3)
	if len(parts) < 3 {
		return nil, nil, nil
	}
	ms, _ := strconv.ParseUint(parts[0], 10, 64)
	n, _ := strconv.ParseUint(parts[1], 10, 32)
	n32 := uint32(n)
	return &ms, &n32, &parts[2]
}

func (o orders) metadata(add func(group, key string, value []byte)) {
	for _, text := range o["meta"] {
		if p := strings.SplitN(text, "/", 3); len(p) == 3 {
			add(p[0], p[1], []byte(p[2]))
		}
	}
}

func (o orders) misbehave() {
	switch {
	case o.has("exit"):
		os.Exit(3)
	case o.has("panic"):
		panic("asked to fail")
	case o.has("hang"):
		select {}
	}
	time.Sleep(time.Duration(o.number("slow")) * time.Millisecond)
}

// What is written about a record.
type sight struct {
	Role      string                       `json:"role"`
	ID        string                       `json:"id"`
	Value     []byte                       `json:"value"`
	Keys      []string                     `json:"keys"`
	Headers   map[string]string            `json:"headers"`
	Time      int64                        `json:"time"`
	Watermark int64                        `json:"watermark"`
	Retry     string                       `json:"retry"`
	User      map[string]map[string][]byte `json:"user"`
	PID       int                          `json:"pid"`
}

var (
	logLock sync.Mutex
	logFile *os.File
)

// User metadata is of another type in each package of the SDK.
type groups interface {
	Groups() []string
	Keys(group string) []string
	Value(group, key string) []byte
}

func (s sight) write(user groups) {
	path := os.Getenv("FUNCTION_LOG")
	if path == "" {
		return
	}
	s.Role, s.PID = role, os.Getpid()
	if s.Keys == nil {
		s.Keys = []string{}
	}
	if s.Headers == nil {
		s.Headers = map[string]string{}
	}
	s.User = map[string]map[string][]byte{}
	if user != nil {
		for _, g := range user.Groups() {
			s.User[g] = map[string][]byte{}
			for _, k := range user.Keys(g) {
				s.User[g][k] = user.Value(g, k)
			}
		}
	}
	line, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	logLock.Lock()
	defer logLock.Unlock()
	if logFile == nil {
		logFile, err = os.OpenFile(path,
			os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			panic(err)
		}
	}
	if _, err := logFile.Write(append(line, '\n')); err != nil {
		panic(err)
	}
}
