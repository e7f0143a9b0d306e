package mcpheader

import (
	"encoding/json"
	"strings"

	"mcpproxy-tray/internal/core/rawjson"
)

// Prefix is that of the headers which repeat arguments.
const Prefix = "Mcp-Param-"

// mark is the member of an argument's schema which says that it is repeated.
const mark = "x-mcp-header"

// A Param is an argument of a tool that is repeated in a header.
type Param struct {
	Path   []string // of properties, the argument's last
	Header string   // with the prefix
}

// Params returns what a tool's definition wants repeated: nothing if it is not valid
// in that, which makes the tool one that clients leave out.
func Params(definition string) []Param {
	if !strings.Contains(definition, mark) {
		return nil // nearly all
	}
	found, ok := collect(nil, value([]byte(definition), "inputSchema"), nil)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for _, p := range found {
		if name := strings.ToLower(p.Header); seen[name] {
			return nil
		} else {
			seen[name] = true
		}
	}
	return found
}

// collect adds what the properties of a schema have repeated; ok is false if one of
// them may not be.
func collect(found []Param, schema json.RawMessage, path []string) (_ []Param, ok bool) {
	const deepest = 16 // properties in one another: each is read again below its parent
	if len(path) == deepest {
		return found, true
	}
	for m := range rawjson.Members(value(schema, "properties")) {
		at := append(path[:len(path):len(path)], string(m.Key))
		if name := value(m.Value, mark); name != nil {
			header, kind := str(name), str(value(m.Value, "type"))
			if !isToken(header) || kind != "string" && kind != "integer" && kind != "boolean" {
				return nil, false
			}
			found = append(found, Param{at, Prefix + header})
		}
		if found, ok = collect(found, m.Value, at); !ok {
			return nil, false
		}
	}
	return found, true
}

// Argument returns p's value in the params of a call, nil if it has none.
func (p Param) Argument(params json.RawMessage) json.RawMessage {
	arg := value(params, "arguments")
	for _, key := range p.Path {
		arg = value(arg, key)
	}
	if len(arg) == 0 || string(arg) == "null" {
		return nil
	}
	return arg
}

// Says reports whether a header repeats an argument.
func (p Param) Says(header string, arg json.RawMessage) bool {
	said, ok := Decode(header)
	if !ok {
		return false
	}
	want, ok := text(arg)
	if !ok || said == want || arg[0] == '"' || arg[0] == 't' || arg[0] == 'f' {
		return ok && said == want
	}
	n, ok := integer(said) // 7.0 is 7
	m, _ := integer(want)
	return ok && n == m
}

// value returns the value of an object's member, the last of its name as decoders do;
// nil if there is none.
func value(object json.RawMessage, key string) (v json.RawMessage) {
	for m := range rawjson.Members(object) {
		if string(m.Key) == key {
			v = m.Value
		}
	}
	return v
}

// str decodes a JSON string; anything else is empty.
func str(v json.RawMessage) (s string) {
	_ = json.Unmarshal(v, &s) // no string: empty
	return s
}

// isToken reports whether a header may be called so (RFC 9110, 5.6.2).
func isToken(name string) bool {
	for _, r := range name {
		if !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)) {
			return false
		}
	}
	return name != ""
}
