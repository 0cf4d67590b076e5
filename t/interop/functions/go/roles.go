// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/numaproj/numaflow-go/pkg/batchmapper"
	"github.com/numaproj/numaflow-go/pkg/mapper"
	"github.com/numaproj/numaflow-go/pkg/mapstreamer"
	"github.com/numaproj/numaflow-go/pkg/sinker"
	"github.com/numaproj/numaflow-go/pkg/sourcetransformer"
)

// ---- sinks ----------------------------------------------------------------

// How many times the sink has seen an id that it shall refuse.
var refused = map[string]int{}

func answer(d sinker.Datum, o orders) sinker.Response {
	id := d.ID()
	if o.has("failure") {
		refused[id]++
		if refused[id] <= o.number("failure") {
			return sinker.ResponseFailure(id, "asked to fail")
		}
	}
	switch {
	case o.has("fallback"):
		return sinker.ResponseFallback(id)
	case o.has("serve"):
		return sinker.ResponseServe(id, []byte("served"))
	case o.has("success"):
		// This SDK always sends a message.
		m := sinker.NewMessage(d.Value()).WithKeys(d.Keys())
		if text := o["success"][0]; text != "" {
			user := sinker.NewUserMetadata()
			o.metadata(user.AddKV)
			m = sinker.NewMessage([]byte(text)).
				WithKeys([]string{"on-success"}).WithUserMetadata(user)
		}
		return sinker.ResponseOnSuccess(id, m)
	case o.has("nack"):
		delay, deliveries, reason := o.nack()
		if reason == nil {
			return sinker.ResponseNack(id, nil)
		}
		return sinker.ResponseNack(id, &sinker.NackOptions{Delay: delay,
			MaxDeliveries: deliveries, Reason: reason})
	}
	return sinker.ResponseOK(id)
}

func sink(_ context.Context, ch <-chan sinker.Datum) sinker.Responses {
	responses := sinker.ResponsesBuilder()
	for d := range ch {
		o := ordersOf(d.Headers())
		sight{ID: d.ID(), Value: d.Value(), Keys: d.Keys(),
			Headers: d.Headers(), Time: d.EventTime().UnixMilli(),
			Watermark: d.Watermark().UnixMilli(),
			Retry: string(d.SystemMetadata().Value("sink",
				"retry_count")),
		}.write(d.UserMetadata())
		o.misbehave()
		responses = responses.Append(answer(d, o))
	}
	return responses
}

// ---- transformer and map --------------------------------------------------

// A result, before it is of some package's type.
type result struct {
	value      []byte
	keys, tags []string
	drop, nack bool
}

func results(o orders, keys []string, value []byte) []result {
	switch {
	case o.has("none"):
		return nil
	case o.has("drop"):
		return []result{{drop: true}}
	case o.has("nack"):
		return []result{{nack: true}}
	}
	if o.has("value") {
		value = []byte(o["value"][0])
	}
	if o.has("key") {
		keys = o["key"]
	}
	if !o.has("copies") {
		return []result{{value: value, keys: keys, tags: o["tag"]}}
	}
	list := []result{}
	for i := 0; i < o.number("copies"); i++ {
		list = append(list, result{keys: keys, tags: o["tag"],
			value: []byte(fmt.Sprintf("%s/%d", value, i))})
	}
	return list
}

// What all of these packages call a datum.
type datum interface {
	Value() []byte
	EventTime() time.Time
	Watermark() time.Time
	Headers() map[string]string
}

func begin(d datum, id string, keys []string, user groups) orders {
	sight{ID: id, Value: d.Value(), Keys: keys, Headers: d.Headers(),
		Time:      d.EventTime().UnixMilli(),
		Watermark: d.Watermark().UnixMilli()}.write(user)
	o := ordersOf(d.Headers())
	o.misbehave()
	return o
}

func transform(_ context.Context, keys []string,
	d sourcetransformer.Datum) sourcetransformer.Messages {
	o := begin(d, "", keys, d.UserMetadata())
	when := d.EventTime()
	if o.has("time") {
		ms, _ := strconv.ParseInt(o["time"][0], 10, 64)
		when = time.UnixMilli(ms)
	}
	messages := sourcetransformer.MessagesBuilder()
	for _, r := range results(o, keys, d.Value()) {
		user := sourcetransformer.NewUserMetadata()
		o.metadata(user.AddKV)
		m := sourcetransformer.NewMessage(r.value, when).WithKeys(r.keys).
			WithTags(r.tags).WithUserMetadata(user)
		if r.drop {
			m = sourcetransformer.MessageToDrop(when)
		} else if r.nack {
			delay, deliveries, reason := o.nack()
			m = sourcetransformer.MessageToNack(when,
				&sourcetransformer.NackOptions{Delay: delay,
					MaxDeliveries: deliveries, Reason: reason})
		}
		messages = messages.Append(m)
	}
	return messages
}

func mapOne(_ context.Context, keys []string,
	d mapper.Datum) mapper.Messages {
	o := begin(d, "", keys, d.UserMetadata())
	messages := mapper.MessagesBuilder()
	for _, r := range results(o, keys, d.Value()) {
		user := mapper.NewUserMetadata()
		o.metadata(user.AddKV)
		m := mapper.NewMessage(r.value).WithKeys(r.keys).
			WithTags(r.tags).WithUserMetadata(user)
		if r.drop {
			m = mapper.MessageToDrop()
		} else if r.nack {
			delay, deliveries, reason := o.nack()
			m = mapper.MessageToNack(&mapper.NackOptions{Delay: delay,
				MaxDeliveries: deliveries, Reason: reason})
		}
		messages = messages.Append(m)
	}
	return messages
}

func mapBatch(_ context.Context,
	ch <-chan batchmapper.Datum) batchmapper.BatchResponses {
	responses := batchmapper.BatchResponsesBuilder()
	for d := range ch {
		o := begin(d, d.Id(), d.Keys(), nil)
		response := batchmapper.NewBatchResponse(d.Id())
		for _, r := range results(o, d.Keys(), d.Value()) {
			m := batchmapper.NewMessage(r.value).WithKeys(r.keys).
				WithTags(r.tags)
			if r.drop {
				m = batchmapper.MessageToDrop()
			} else if r.nack {
				m = batchmapper.MessageToNack(nil)
			}
			response = response.Append(m)
		}
		responses = responses.Append(response)
	}
	return responses
}

func mapStream(_ context.Context, keys []string, d mapstreamer.Datum,
	ch chan<- mapstreamer.Message) {
	defer close(ch)
	o := begin(d, "", keys, nil)
	for _, r := range results(o, keys, d.Value()) {
		m := mapstreamer.NewMessage(r.value).WithKeys(r.keys).
			WithTags(r.tags)
		if r.drop {
			m = mapstreamer.MessageToDrop()
		} else if r.nack {
			m = mapstreamer.MessageToNack(nil)
		}
		ch <- m
	}
}
