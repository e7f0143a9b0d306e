package proxy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"mcpproxy-tray/internal/core/rawjson"
)

// In bytes. A model reads many of them to choose one.
const (
	maxSignature = 400
	maxSummary   = 300
)

// signature returns a tool's name and arguments in one line, such as
// "read(path: string, lines?: integer)".
func signature(name, definition string) string {
	var props, required json.RawMessage
	for m := range rawjson.Members([]byte(definition)) {
		if string(m.Key) != "inputSchema" {
			continue
		}
		for e := range rawjson.Members(m.Value) {
			switch string(e.Key) {
			case "properties":
				props = e.Value
			case "required":
				required = e.Value
			}
		}
	}
	var must []string
	_ = json.Unmarshal(required, &must) // of what is no list nothing is required
	var first, rest []string
	for m := range rawjson.Members(props) {
		if key := string(m.Key); slices.Contains(must, key) {
			first = append(first, key+": "+typeOf(m.Value))
		} else {
			rest = append(rest, key+"?: "+typeOf(m.Value))
		}
	}
	out := name + "("
	for i, p := range append(first, rest...) {
		if i > 0 {
			out += ", "
		}
		if len(out)+len(p) > maxSignature {
			out += "…"
			break
		}
		out += p
	}
	return strings.ToValidUTF8(out, "") + ")"
}

// typeOf words a property's schema.
func typeOf(schema json.RawMessage) string {
	var s struct {
		Type  json.RawMessage   `json:"type"`
		Enum  []json.RawMessage `json:"enum"`
		Items json.RawMessage   `json:"items"`
	}
	if json.Unmarshal(schema, &s) != nil {
		return "any"
	}
	if n := len(s.Enum); n > 0 {
		const most = 6
		words := make([]string, 0, most+1)
		for _, e := range s.Enum[:min(n, most)] {
			words = append(words, string(e))
		}
		if n > most {
			words = append(words, "…")
		}
		return strings.Join(words, "|")
	}
	var types []string
	if one := unquoteString(s.Type); one != "" {
		types = []string{one}
	} else {
		_ = json.Unmarshal(s.Type, &types) // of anything else no type is known
	}
	for i, t := range types {
		if t == "array" && len(s.Items) > 0 && s.Items[0] == '{' {
			types[i] = typeOf(s.Items) + "[]"
		}
	}
	if len(types) == 0 {
		return "any"
	}
	return strings.Join(types, "|")
}

// summary returns the beginning of a tool's description.
func summary(definition string) string {
	for m := range rawjson.Members([]byte(definition)) {
		if string(m.Key) == "description" {
			d := strings.Join(strings.Fields(unquoteString(m.Value)), " ")
			if len(d) > maxSummary {
				d = fmt.Sprintf("%s…", strings.ToValidUTF8(d[:maxSummary], ""))
			}
			return d
		}
	}
	return ""
}
