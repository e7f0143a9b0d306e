package proxy

import (
	"bytes"
	"encoding/json"

	"mcpproxy-tray/internal/core/rawjson"
)

// unquote decodes a valid JSON string.
func unquote(quoted []byte) string {
	if len(quoted) >= 2 && bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // valid by the caller's promise
	return s
}

// quote encodes s as a JSON string without escaping what needs no escape.
func quote(s string) []byte {
	if isPlainText(s) {
		return append(append(append(make([]byte, 0, len(s)+2), '"'), s...), '"')
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// isPlainText reports whether no character of s needs an escape, nor can be invalid.
func isPlainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// appendRenamed appends obj with the value of its member "name" replaced, and
// every other byte as it was.
func appendRenamed(dst, obj []byte, name string) []byte {
	from := 0
	for m := range rawjson.Members(obj) {
		if string(m.Key) == "name" {
			dst = append(append(dst, obj[from:m.ValueStart]...), quote(name)...)
			from = m.End
		}
	}
	return append(dst, obj[from:]...)
}

// asModern returns the result of a request with the members that revision
// 2026-07-28 requires, which a server of an older revision does not send: of what
// was read somebody else's copy would be "public" if nothing were said.
func asModern(method string, result []byte) [][]byte {
	ttl, scope, empty := method == "resources/read", method == "resources/read", true
	for m := range rawjson.Members(result) {
		empty = false
		switch string(m.Key) {
		case "resultType":
			return [][]byte{result}
		case "ttlMs":
			ttl = false
		case "cacheScope":
			scope = false
		}
	}
	head := `{"resultType":"complete"`
	if ttl {
		head += `,"ttlMs":0`
	}
	if scope {
		head += `,"cacheScope":"private"`
	}
	if empty {
		return [][]byte{[]byte(head + "}")}
	}
	return [][]byte{[]byte(head + ","), result[bytes.IndexByte(result, '{')+1:]}
}
