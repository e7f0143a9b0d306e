package upstream

import (
	"encoding/json"

	"mcpproxy-tray/internal/core/rawjson"
)

// member returns a member of a JSON object; nil if there is none.
func member(object json.RawMessage, key string) (value json.RawMessage) {
	for m := range rawjson.Members(object) {
		if string(m.Key) == key {
			value = m.Value
		}
	}
	return value
}
