package upstream

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
)

// Methods that the wire or a carrier treats specially.
const (
	methodDiscover     = "server/discover"
	methodListen       = "subscriptions/listen"
	methodCancelled    = "notifications/cancelled"
	methodProgress     = "notifications/progress"
	methodAcknowledged = "notifications/subscriptions/acknowledged"
)

// A message is one JSON-RPC message on its way to the server, with what a
// carrier needs to know about it.
type message struct {
	body     []byte // on one line, without its end
	method   string // empty for a reply
	params   json.RawMessage
	protocol string // revision the message itself names; empty if none
	id       []byte // of a call, as it stands in body; nil if no answer is expected
}

func (m *message) isCall() bool { return m.id != nil }

// A carrier brings messages to the server. What comes back it hands to wire.deliver.
type carrier interface {
	// send returns once the message is on its way. For a call over HTTP that
	// may be when its answer has been delivered. An error is marked (see unsent) if the
	// server cannot have got the message. It may be called concurrently.
	send(ctx context.Context, m message) error
}

// prompt reports whether a server answers a request of that method at once,
// whoever made it; all others may take as long as they like.
func prompt(method string) bool {
	switch method {
	case "initialize", methodDiscover, methodPing, "tools/list", "prompts/list", "resources/list", "resources/templates/list", "logging/setLevel":
		return true
	}
	return strings.HasPrefix(method, "notifications/")
}

// encodeRequest returns a request of ours.
func encodeRequest(id uint64, method string, params json.RawMessage) message {
	const head = `{"jsonrpc":"2.0","id":`
	quoted, _ := json.Marshal(method) // a string always can
	b := make([]byte, 0, len(params)+len(method)+64)
	b = append(b, head+`"r`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, '"')
	end := len(b)
	b = append(b, `,"method":`...)
	b = append(b, quoted...)
	if params != nil {
		b = append(append(b, `,"params":`...), params...)
	}
	return message{body: append(b, '}'), method: method, params: params, id: b[len(head):end:end]}
}

// ourID reports whether id is one that request made up.
func ourID(id []byte) (uint64, bool) {
	if len(id) < 4 || id[0] != '"' || id[1] != 'r' || id[2] == '0' || len(id) > 22 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(id[2:len(id)-1]), 10, 64)
	return n, err == nil
}
