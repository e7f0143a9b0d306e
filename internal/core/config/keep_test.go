package config

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailscale/hujson"

	"mcpproxy-tray/internal/core/config/jsonc"
)

// plain reads a file as any JSON, with numbers as they are written: an oracle
// that knows nothing of our keys.
func plain(t *testing.T, data []byte) any {
	t.Helper()
	std, err := hujson.Standardize(bytes.TrimPrefix(bytes.Clone(data), []byte(jsonc.BOM)))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	dec := json.NewDecoder(bytes.NewReader(std))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// withoutServer takes a server out of a decoded file and returns its entry.
func withoutServer(root any, name string) (entry map[string]any) {
	top := root.(map[string]any)
	switch list := top["mcpServers"].(type) {
	case map[string]any:
		entry, _ = list[name].(map[string]any)
		delete(list, name)
	case []any:
		for i, e := range list {
			if m, ok := e.(map[string]any); ok && m["name"] == name {
				top["mcpServers"] = append(append([]any{}, list[:i]...), list[i+1:]...)
				return m
			}
		}
	}
	return entry
}

var stringOrComment = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|//[^\n]*|(?s:/\*.*?\*/)`)

// comments returns the comments of a file, in order.
func comments(data []byte) (out []string) {
	for _, m := range stringOrComment.FindAll(data, -1) {
		if m[0] == '/' {
			out = append(out, string(bytes.TrimSpace(m)))
		}
	}
	return out
}

// TestEditsKeepEverythingElse edits random files: unknown keys, numbers as
// written, comments, the order of servers, and every other entry are as before.
func TestEditsKeepEverythingElse(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 4))
	edits := 0
	for range 100 {
		data := randomFile(rng)
		for _, s := range mustParse(t, data).Servers {
			for what, e := range map[string]edit{"enable": switchTo(s.Name, true), "disable": switchTo(s.Name, false), "remove": without(s.Name)} {
				out, err := e.apply("", data, s.Name)
				if err != nil {
					continue // a broken entry that cannot be switched; TestRandomEdits looks at those
				}
				edits++
				before, after := plain(t, data), plain(t, out)
				was, is := withoutServer(before, s.Name), withoutServer(after, s.Name)
				for _, m := range []map[string]any{was, is} {
					delete(m, "enabled")
					delete(m, "disabled")
				}
				if what == "remove" && is == nil {
					is = was
				}
				if diff := cmp.Diff(before, after) + cmp.Diff(was, is); diff != "" {
					t.Fatalf("%s %q changed more (-before +after):\n%s\nbefore:\n%s\nafter:\n%s", what, s.Name, diff, data, out)
				}
				if what != "remove" {
					if diff := cmp.Diff(comments(data), comments(out)); diff != "" {
						t.Fatalf("%s %q: comments differ (-before +after):\n%s", what, s.Name, diff)
					}
				}
			}
		}
	}
	if edits < 250 {
		t.Errorf("only %d edits were looked at", edits)
	}
}
