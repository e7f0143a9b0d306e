package upstream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"mcpproxy-tray/internal/core/rawjson"
)

func FuzzScanEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","id":"r1","result":{"a":[1,2.5e-3,"\u00e9\\"]}}`, `{}`, ` { "id" : null } `, `{"id":1,"id":2}`,
		`{"\u0069d":7}`, `{"error":{"code":-1}`, `{"a":01}`, `{"a":-}`, `{"a":"` + "\x01" + `"}`, `[1]`, `{"a":tru}`, `{"a":1,}`,
		`{"result":"` + "\xff" + `"}`, `{"method":"x","params":[]}`, `{"a":"\ud800"}`, oddTool, oddResult, `{"a":` + strings.Repeat("[", 1100),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		e, err := scanEnvelope(msg)
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(msg, &want)
		if wantErr == nil && want == nil { // null
			wantErr = rawjson.ErrNotJSON
		}
		if bytes.Count(msg, []byte("["))+bytes.Count(msg, []byte("{")) >= rawjson.MaxDepth {
			if err == nil && wantErr != nil {
				t.Fatalf("accepted what encoding/json refuses: %v", wantErr)
			}
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("scan: %v, encoding/json: %v", err, wantErr)
		}
		for key, got := range map[string]json.RawMessage{"id": e.id, "method": e.method, "params": e.params, "result": e.result, "error": e.err} {
			if err == nil && !bytes.Equal(got, want[key]) {
				t.Fatalf("%s = %q, want %q", key, got, want[key])
			}
		}
	})
}

// FuzzRewriteParams checks that nothing but the reserved keys changes.
func FuzzRewriteParams(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"_meta":{"x":1}}`, `{"_meta":{"io.modelcontextprotocol/logLevel":1},"_meta":{}}`, "{\n}", `[]`, ``} {
		f.Add([]byte(seed))
	}
	modern := hopMeta(firstModern, "v")
	f.Fuzz(func(t *testing.T, params []byte) {
		for _, ours := range [][]byte{nil, modern} {
			out, err := rewriteParams(params, ours)
			if err != nil || out == nil {
				continue
			}
			if !json.Valid(out) || bytes.ContainsAny(out, "\n\r") {
				t.Fatalf("%q became %q", params, out)
			}
			again, err := rewriteParams(out, ours)
			if err != nil || !bytes.Equal(again, out) {
				t.Fatalf("%q became %q, then %q, %v", params, out, again, err)
			}
		}
	})
}

func BenchmarkScan(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"200B", 200}, {"10kB", 10_000}, {"1MB", 1_000_000}} {
		msg := []byte(`{"jsonrpc":"2.0","id":"r123","result":{"content":[{"type":"text","text":"` + strings.Repeat("lorem ipsum ", size.n/12) + `"}]}}`)
		b.Run("scanner/"+size.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				if _, err := scanEnvelope(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("json/"+size.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(msg)))
			for b.Loop() {
				var e struct {
					ID, Method, Params, Result, Error json.RawMessage
				}
				if err := json.Unmarshal(msg, &e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
