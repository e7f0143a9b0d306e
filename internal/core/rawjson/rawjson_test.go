package rawjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/rawjson"
)

// FuzzMembers compares both walkers with encoding/json on any text.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[{"c":"}"}],"n\u0061me":null , "d":-1.5e+3}`, "{ }", `{"":"\\\"","x":{"y":[[],{}]}}`, `{"a":1,"a":2}`,
		`{"a":01}`, `{"a":tru}`, `{"a":1,}`, `{"a"}`, `[1]`, `null`, ``, `{"a":"` + "\x01" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":` + strings.Repeat("[", 1100) + strings.Repeat("]", 1100) + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want map[string]json.RawMessage
		isObject := json.Unmarshal(text, &want) == nil && want != nil
		got, yielded := map[string]json.RawMessage{}, 0
		err := rawjson.EachMember(text, func(m rawjson.Member) {
			got[string(m.Key)] = m.Value
			if !bytes.Equal(text[m.ValueStart:m.End], m.Value) || !bytes.Equal(text[m.Start:m.End], m.Whole) {
				t.Fatalf("member %q of %q is not where it says", m.Whole, text)
			}
			yielded++
		})
		if errors.Is(err, rawjson.ErrTooDeep) {
			return // of such a text not all is checked
		}
		if (err == nil) != isObject {
			t.Fatalf("%q: %v", text, err)
		}
		if !isObject {
			return
		}
		for range rawjson.Members(text) {
			yielded--
		}
		if len(got) != len(want) || yielded != 0 {
			t.Fatalf("%q has members %q, want %q", text, got, want)
		}
		for k, v := range want {
			if !bytes.Equal(got[k], v) {
				t.Errorf("%q: member %q = %q, want %q", text, k, got[k], v)
			}
		}
	})
}

func TestMembersStopWhereAsked(t *testing.T) {
	n := 0
	for range rawjson.Members([]byte(`{"a":1,"b":2,"c":}`)) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d members", n)
	}
}

func TestDepth(t *testing.T) {
	nest := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for depth, want := range map[int]error{1: nil, rawjson.MaxDepth: nil, rawjson.MaxDepth + 1: rawjson.ErrTooDeep, 1_000_000: rawjson.ErrTooDeep} {
		var id string
		err := rawjson.EachMember([]byte(`{"a":`+nest(depth)+`,"id":"r1"}`), func(m rawjson.Member) {
			if string(m.Key) == "id" {
				id = string(m.Value)
			}
		})
		if !errors.Is(err, want) || id != `"r1"` {
			t.Errorf("depth %d: %v, id %s", depth, err, id)
		}
	}
	for _, text := range []string{strings.Repeat("[", 2000), nest(1100)[:2150], `"` + strings.Repeat("[", 1100)} {
		if err := rawjson.EachElement([]byte(text), func(json.RawMessage) {}); !errors.Is(err, rawjson.ErrNotJSON) {
			t.Errorf("%.20s…: %v", text, err)
		}
	}
}

func TestOneLine(t *testing.T) {
	text := []byte("{\r\n \"a\": \"\\n\"\n}")
	if got := string(rawjson.OneLine(text)); got != `{   "a": "\n" }` {
		t.Errorf("%q", got)
	}
	if string(text) != "{\r\n \"a\": \"\\n\"\n}" {
		t.Error("the argument was changed")
	}
}
