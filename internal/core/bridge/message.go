package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"mcpproxy-tray/internal/core/rawjson"
)

// firstModern is the first revision without sessions.
const firstModern = "2026-07-28"

// A message is one JSON-RPC message with what the bridge must know of it.
type message struct {
	body     []byte   // on one line
	id       []byte   // as it stands in body; nil if no answer is expected
	method   string   // empty for an answer
	name     string   // of what is called or read; empty if the method has none
	protocol string   // the revision that the message itself names; empty if none
	params   []byte   // of a request or notification; nil if it has none
	ids      [][]byte // of the requests in a batch
	cancels  []byte   // the id of the request that it cancels; nil for all others
}

// parse cuts a line. An array is passed on as it is; its answers name their ids.
func parse(line []byte) (message, error) {
	m := message{body: rawjson.OneLine(line)}
	if len(line) > 0 && line[0] == '[' {
		if !json.Valid(line) {
			return message{}, rawjson.ErrNotJSON
		}
		_ = rawjson.EachElement(line, func(element json.RawMessage) { // it is a list
			if one, err := parse(element); err == nil && one.id != nil {
				m.ids = append(m.ids, one.id)
			}
		})
		return m, nil
	}
	err := rawjson.EachMember(line, func(member rawjson.Member) {
		switch string(member.Key) {
		case "id":
			m.id = member.Value
		case "method":
			m.method = text(member.Value)
		case "params":
			m.params = member.Value
		}
	})
	if err != nil {
		return message{}, err
	}
	if m.method == "" { // an answer
		m.id = nil
		return m, nil
	}
	for member := range rawjson.Members(m.params) {
		switch key := string(member.Key); {
		case key == "_meta":
			for meta := range rawjson.Members(member.Value) {
				if string(meta.Key) == "io.modelcontextprotocol/protocolVersion" {
					m.protocol = text(meta.Value)
				}
			}
		case key == "requestId" && m.method == "notifications/cancelled":
			m.cancels = member.Value
		case key == "name" && (m.method == "tools/call" || m.method == "prompts/get"), key == "uri" && strings.HasPrefix(m.method, "resources/"):
			m.name = text(member.Value)
		}
	}
	return m, nil
}

// text decodes a JSON string; anything else is empty.
func text(value json.RawMessage) (s string) {
	_ = json.Unmarshal(value, &s) // no string: empty
	return s
}

func (m *message) modern() bool { return m.protocol >= firstModern }

// repeatable reports whether a request whose answer was lost may be made again.
func (m *message) repeatable() bool {
	switch m.method {
	case "tools/call", "tasks/cancel", "":
		return false
	}
	switch verb := m.method[strings.LastIndexByte(m.method, '/')+1:]; verb {
	case "list", "get", "read", "listen", "discover", "ping", "complete", "subscribe", "unsubscribe", "setLevel", "initialize":
		return true
	}
	return false
}

// failed returns the answer to a request that got none, in our words.
func failed(id []byte, code int, words string) []byte {
	if id == nil {
		id = []byte("null")
	}
	return failedWith(id, failure(code, words))
}

func failedWith(id, failure []byte) []byte {
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, id, failure)
}

// failedAll returns the answers to the requests of a batch.
func failedAll(ids [][]byte, failure []byte) []byte {
	answers := make([][]byte, len(ids))
	for i, id := range ids {
		answers[i] = failedWith(id, failure)
	}
	return fmt.Appendf(nil, "[%s]", bytes.Join(answers, []byte(",")))
}

func failure(code int, words string) []byte {
	quoted, _ := json.Marshal(words) // a string always can
	return fmt.Appendf(nil, `{"code":%d,"message":%s}`, code, quoted)
}

// errorIn returns the error that a message is, or one of ours.
func errorIn(answer []byte) []byte {
	for m := range rawjson.Members(answer) {
		if string(m.Key) == "error" {
			return m.Value
		}
	}
	return failure(-32603, "The answer of mcpproxy-tray cannot be read.")
}
