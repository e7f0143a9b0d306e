//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// call answers tools/call.
func (s *server) call(t *turn) (result, failure string) {
	switch t.Name {
	case "odd":
		return oddResult, ""
	case "mirror":
		return content(s.reflect(t.message.Params)), ""
	case "fail":
		return failResult, ""
	case "refuse":
		return "", refusal
	case "steps":
		s.steps(t)
		return content("done"), ""
	case "talk":
		s.talk(t)
		return content("said"), ""
	case "task":
		if s.modern() {
			return `"resultType":"task",` + taskResult, ""
		}
		return fmt.Sprintf(`"task":{%s}`, taskResult), ""
	case "elicit":
		return s.inquire(t, "elicitation", "elicitation/create", elicitParams), ""
	case "sample":
		return s.inquire(t, "sampling", "sampling/createMessage", sampleParams), ""
	case "roots":
		return s.inquire(t, "roots", "roots/list", rootsParams), ""
	case "wait":
		return s.wait(t), ""
	case "waiting":
		s.mu.Lock()
		defer s.mu.Unlock()
		return content(fmt.Sprintf("%d waiting, %d cancelled", s.waiting, s.cancelled)), ""
	case "change", "touch":
		var args struct {
			What []string
			URI  string
		}
		_ = json.Unmarshal(t.Arguments, &args) // what is missing is nothing to change
		for _, kind := range args.What {
			s.change(kind)
		}
		if args.URI != "" {
			s.touch(args.URI)
		}
		return content("told"), ""
	}
	return "", noTool
}

func content(text string) string {
	return fmt.Sprintf(`"content":[{"text":%s,"type":"text"}]`, quote(text))
}

// reflect returns the params as they arrived, but for what concerns one hop alone.
func (s *server) reflect(text json.RawMessage) string {
	return "{" + strings.Join(cut(text, func(key string, value json.RawMessage) (string, bool) {
		if key != "_meta" {
			return string(value), true
		}
		kept := cut(value, func(key string, value json.RawMessage) (string, bool) {
			return string(value), key != "progressToken" && !strings.HasPrefix(key, "io.modelcontextprotocol/")
		})
		return "{" + strings.Join(kept, ",") + "}", len(kept) > 0
	}), ",") + "}"
}

// cut returns the members of an object that keep wants, in their order, as text.
func cut(text json.RawMessage, keep func(key string, value json.RawMessage) (string, bool)) (members []string) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return members
		}
		if kept, ok := keep(key.(string), value); ok {
			members = append(members, quote(key)+":"+kept)
		}
	}
	return members
}

func (s *server) steps(t *turn) {
	if t.params.Meta.Token == nil {
		return
	}
	for i := range 3 {
		t.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"total":9007199254740993,"future":{"b":1,"a":2},"progress":%d.50,"progressToken":%s,"message":"Caf\u00e9"}}`,
			i, t.params.Meta.Token))
	}
}

// talk logs at four levels, those from the caller's level on.
func (s *server) talk(t *turn) {
	t.from.mu.Lock()
	from := t.from.level
	t.from.mu.Unlock()
	if s.modern() {
		from = t.params.Meta.Level
	}
	levels := []string{"debug", "info", "warning", "error"}
	for i, level := range levels {
		for _, wanted := range levels[:i+1] {
			if wanted == from {
				t.send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"logger":"odd","data":{"b":1,"a":12345678901234567890},"level":%q,"future":1.0}}`, level))
			}
		}
	}
}

// inquire asks the caller, in the way of the revision, and returns its answer as text.
func (s *server) inquire(t *turn, capability, method, params string) string {
	switch answer, ok := t.InputResponses["who"]; {
	case !t.from.can(capability):
		return content("You cannot do " + capability + ".")
	case !s.modern():
		return content(t.ask(method, params))
	case ok:
		return content(string(answer))
	}
	return fmt.Sprintf(`"requestState":"odd state","resultType":"input_required","inputRequests":{"who":{"params":%s,"method":%q}},"future":{"b":1,"a":2}`, params, method)
}

// wait answers when the call is cancelled, which nobody hears any more.
func (s *server) wait(t *turn) string {
	s.count(1, 0)
	<-t.gone
	s.count(-1, 1)
	return content("cancelled")
}

func (s *server) count(waiting, cancelled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting += waiting
	s.cancelled += cancelled
}
