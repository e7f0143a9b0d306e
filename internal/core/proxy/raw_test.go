package proxy

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"mcpproxy-tray/internal/core/rawjson"
)

func TestRename(t *testing.T) {
	for in, want := range map[string]string{
		`{"name":"a"}`: `{"name":"<n>"}`,
		` { "x" : [{"name":"in"}] , "name" : "a" , "y":"\"name\":1" } `: ` { "x" : [{"name":"in"}] , "name" : "<n>" , "y":"\"name\":1" } `,
		`{"n\u0061me":"a","z":1e400}`:                                   `{"n\u0061me":"<n>","z":1e400}`,
		`{"name":1,"name":{"name":"b"}}`:                                `{"name":"<n>","name":"<n>"}`,
		`{"a":"\\","b":{},"c":[],"name":0}`:                             `{"a":"\\","b":{},"c":[],"name":"<n>"}`,
		`{}`:                                                            `{}`,
	} {
		if got := string(appendRenamed(nil, []byte(in), "<n>")); got != want {
			t.Errorf("appendRenamed(%s) = %s, want %s", in, got, want)
		}
	}
}

// FuzzMembers compares the scanner with encoding/json on any valid object.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[{"c":"}"}],"n\u0061me":null , "d":-1.5e+3}`))
	f.Add([]byte("{ }"))
	f.Add([]byte(`{"":"\\\"","x":{"y":[[],{}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || !json.Valid(text) { // the front lets nothing else in
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(text, &want) != nil || want == nil {
			for range rawjson.Members(text) {
				t.Fatalf("%q is not an object and has members", text)
			}
			return
		}
		got := map[string]json.RawMessage{}
		for m := range rawjson.Members(text) {
			got[string(m.Key)] = m.Value
		}
		if len(got) != len(want) {
			t.Fatalf("%q has members %q, want %q", text, got, want)
		}
		for k, v := range want {
			if !bytes.Equal(got[k], v) {
				t.Errorf("%q: member %q = %q, want %q", text, k, got[k], v)
			}
		}
		renamed := appendRenamed(nil, text, "new")
		if !json.Valid(renamed) {
			t.Errorf("%q becomes %q", text, renamed)
		}
	})
}
