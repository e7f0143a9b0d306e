package proxy

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"mcpproxy-tray/internal/core/rawjson"
)

// paramHeader is the prefix of the headers in which a client of revision 2026-07-28
// repeats those arguments of a call that the tool's schema marks with "x-mcp-header".
const paramHeader = "Mcp-Param-"

// A headerParam is an argument that is repeated in a header.
type headerParam struct {
	path   []string // of properties
	header string
}

// checkParams returns what is wrong with the headers of a call to a tool, or "".
func checkParams(h http.Header, definition string, params json.RawMessage) string {
	if !strings.Contains(definition, "x-mcp-header") {
		return "" // nearly all
	}
	for _, p := range headerParams([]byte(definition)) {
		arg := params
		for _, key := range append([]string{"arguments"}, p.path...) {
			arg = valueOf(arg, key)
		}
		name := paramHeader + p.header
		said := h.Values(name)
		switch absent := len(arg) == 0 || string(arg) == "null"; {
		case absent && len(said) == 0:
		case absent:
			return fmt.Sprintf("The header %s repeats an argument that the call does not have.", name)
		case len(said) != 1:
			return fmt.Sprintf("The header %s has to repeat the argument %q, once.", name, shorten(strings.Join(p.path, ".")))
		case !saysSame(said[0], arg):
			return fmt.Sprintf("The header %s does not say the same as the argument %q: header mismatch.", name, shorten(strings.Join(p.path, ".")))
		}
	}
	return ""
}

// headerParams returns the arguments that a tool's definition has repeated.
func headerParams(definition []byte) (found []headerParam) {
	var walk func(schema json.RawMessage, path []string)
	walk = func(schema json.RawMessage, path []string) {
		const deepest = 16 // properties in one another: each is read again below its parent
		if len(path) == deepest {
			return
		}
		for m := range rawjson.Members(valueOf(schema, "properties")) {
			at := append(path[:len(path):len(path)], string(m.Key))
			if name := unquoteString(valueOf(m.Value, "x-mcp-header")); name != "" {
				found = append(found, headerParam{at, name})
			}
			walk(m.Value, at)
		}
	}
	walk(valueOf(definition, "inputSchema"), nil)
	return found
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

// saysSame reports whether a header's value is that of an argument, which has to be a
// string, a boolean or an integer that every client can write.
func saysSame(header string, arg json.RawMessage) bool {
	header, ok := headerText(header)
	if !ok {
		return false
	}
	switch arg[0] {
	case '"':
		return header == unquote(arg)
	case 't', 'f':
		return header == string(arg)
	case '{', '[':
		return false
	}
	const safe = 1<<53 - 1
	a, err := strconv.ParseFloat(string(arg), 64)
	b, err2 := strconv.ParseFloat(header, 64)
	return err == nil && err2 == nil && a == b && a == math.Trunc(a) && math.Abs(a) <= safe
}
