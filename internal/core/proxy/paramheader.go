package proxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"mcpproxy-tray/internal/core/mcpheader"
	"mcpproxy-tray/internal/core/rawjson"
)

// checkParams returns what is wrong with the headers of a call to a tool, or "".
func checkParams(h http.Header, definition string, params json.RawMessage) string {
	for _, p := range mcpheader.Params(definition) {
		arg, said := p.Argument(params), h.Values(p.Header)
		name := func() string { return shorten(strings.Join(p.Path, ".")) }
		switch {
		case arg == nil && len(said) == 0:
		case arg == nil:
			return fmt.Sprintf("The header %s repeats an argument that the call does not have.", p.Header)
		case len(said) != 1:
			return fmt.Sprintf("The header %s has to repeat the argument %q, once.", p.Header, name())
		case !p.Says(said[0], arg):
			return fmt.Sprintf("The header %s does not say the same as the argument %q: header mismatch.", p.Header, name())
		}
	}
	return ""
}

// valueOf returns the value of an object's member, the last of its name as decoders do.
func valueOf(obj json.RawMessage, key string) (value json.RawMessage) {
	for m := range rawjson.Members(obj) {
		if string(m.Key) == key {
			value = m.Value
		}
	}
	return value
}
