package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mcpproxy-tray/internal/core/call"
	"mcpproxy-tray/internal/stateview"
)

// FuzzFront posts any body with any headers: the front answers, in JSON, and never
// relays what it was not asked to.
func FuzzFront(f *testing.F) {
	const call1 = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__t"}}`
	f.Add([]byte(call1), "2025-06-18", "", "")
	f.Add([]byte(`{"jsonrpc":"2.0","id":"\u0061","method":"tools/call","params":{`+modernMeta+`,"name":"s__t","requestState":"mcpproxy-tray.x"}}`), modern, "tools/call", "s__t")
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+askableMeta+`,"name":"s__t"}}`), modern, "tools/call", "=?base64?c19fdA==?=")
	f.Add([]byte(`[`+call1+`,{"jsonrpc":"2.0","id":2,"method":"ping"},1,{"jsonrpc":"2.0","id":3,"result":{}}]`), "", "", "")
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}`), "", "", "")
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}`), "", "", "")
	f.Add([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`), "", "", "")
	f.Add([]byte(strings.Repeat(`{"params":`, 1100)), "", "", "")
	f.Add([]byte("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"), "", "", "")
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"x/y","params":[]}`), "2025-11-25", "", "")
	f.Add([]byte(``), "2027-01-01", "", "")
	v := stateview.New()
	up := upstreamFunc(func(context.Context, call.Request) (json.RawMessage, json.RawMessage, error) {
		return json.RawMessage(`{"content":[]}`), nil, nil
	})
	e := New(Options{View: v, Upstreams: up, MaxBodyBytes: 64 << 10})
	connect(v, "s", plainTool("t"))
	e.catalog()
	s := e.scope("")
	s.leases.add("S")
	f.Fuzz(func(t *testing.T, body []byte, revision, method, name string) {
		if m, err := readMessage(body); err == nil && librarys(m.method) {
			return // the library's part
		}
		r := httptest.NewRequest(http.MethodPost, "/mcp", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(sessionHeader, "S")
		for key, v := range map[string]string{revisionHeader: revision, methodHeader: method, "Mcp-Name": name} {
			if v != "" {
				r.Header.Set(key, v)
			}
		}
		if m, err := readMessage(body); err == nil && !m.isRequest() && m.method != "" && m.method != "notifications/cancelled" {
			return // a notification: the library's, too
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code == http.StatusAccepted && w.Body.Len() == 0 {
			return
		}
		if got := w.Header().Get("Content-Type"); got != "application/json" || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%q gets %d %s %q", body, w.Code, got, w.Body)
		}
		if m, err := readMessage(body); err == nil && w.Code == http.StatusOK && m.isRequest() {
			if want := `{"jsonrpc":"2.0","id":` + string(m.id) + `,"`; !strings.HasPrefix(w.Body.String(), want) {
				t.Fatalf("%q gets %q, want %s", body, w.Body, want)
			}
		}
		within(t, 5*time.Second, "no request to be left over", func() bool { // one that can be held ends beside its answer
			s.requests.mu.Lock()
			defer s.requests.mu.Unlock()
			return len(s.requests.open) == 0
		})
	})
}
