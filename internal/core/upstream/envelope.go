package upstream

import (
	"encoding/json"
	"errors"

	"mcpproxy-tray/internal/core/rawjson"
)

// An envelope is a JSON-RPC message cut into its members. Each is the bytes as
// they stood in the message, or nil if the member is absent.
type envelope struct {
	id, method, params, result, err json.RawMessage
}

// isReply reports whether the message answers a request.
func (e *envelope) isReply() bool { return e.method == nil && e.id != nil }

// scanEnvelope cuts a message in one pass. It accepts exactly the objects that
// encoding/json accepts, up to rawjson.MaxDepth; of repeated members the last
// counts. Beside rawjson.ErrTooDeep the envelope is as good as any, but for what
// nests too deep.
func scanEnvelope(msg []byte) (e envelope, err error) {
	err = rawjson.EachMember(msg, func(m rawjson.Member) {
		switch string(m.Key) {
		case "id":
			e.id = m.Value
		case "method":
			e.method = m.Value
		case "params":
			e.params = m.Value
		case "result":
			e.result = m.Value
		case "error":
			e.err = m.Value
		}
	})
	if err != nil && !errors.Is(err, rawjson.ErrTooDeep) {
		return envelope{}, err
	}
	return e, err
}
