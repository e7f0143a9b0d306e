package call

import (
	"encoding/json"

	"mcpproxy-tray/internal/core/rawjson"
)

// needs are the capabilities that a client must have declared to be asked for
// something; any client may be asked for what is not named here.
var needs = map[string]string{
	"elicitation/create":     "elicitation",
	"sampling/createMessage": "sampling",
	"roots/list":             "roots",
}

// Unable returns the JSON-RPC error for a request that a client of these capabilities
// must not get; code 0 if it may.
func Unable(caps json.RawMessage, method string, params json.RawMessage) (code int, text string) {
	need := needs[method]
	if need == "" {
		return 0, ""
	}
	has := member(caps, need)
	if has == nil {
		return -32601, "The client that called the server does not support " + need + "."
	}
	// "Clients MUST return … -32602 (Invalid params): Server sends an elicitation/create
	// request with a mode not declared in client capabilities" [2025-11-25, elicitation]
	switch {
	case method == "elicitation/create" && string(member(params, "mode")) == `"url"`:
		if member(has, "url") == nil {
			return -32602, "The client that called the server does not support elicitation by URL."
		}
	case method == "elicitation/create":
		if member(has, "form") == nil && member(has, "url") != nil { // {} means forms
			return -32602, "The client that called the server does not support elicitation by form."
		}
	case member(params, "tools") != nil || member(params, "toolChoice") != nil:
		if member(has, "tools") == nil {
			return -32602, "The client that called the server does not support tools in sampling."
		}
	}
	return 0, ""
}

// member returns a member of a JSON object; nil if there is none.
func member(object json.RawMessage, key string) (value json.RawMessage) {
	for m := range rawjson.Members(object) {
		if string(m.Key) == key {
			value = m.Value
		}
	}
	return value
}
