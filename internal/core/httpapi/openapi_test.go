package httpapi

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"mcpproxy-tray/docs"
	"mcpproxy-tray/internal/core/httpapi/apitest"
	"mcpproxy-tray/internal/stateview"
)

// apart are routes that docs/openapi.json leaves out: MCP describes itself, pages are
// for browsers, and the last one answers for all addresses that are none.
var apart = []string{"/mcp", "/mcp/", "/{$}", "/open/{code}", "/questions/{id}", "/approve", "/approve-tools", "/"}

// loadAPI reads docs/openapi.json.
func loadAPI(t testing.TB) *apitest.Document {
	t.Helper()
	d, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestRoutesAreDescribed compares the routes with docs/openapi.json, in both directions.
func TestRoutesAreDescribed(t *testing.T) {
	d := loadAPI(t)
	s, _ := newTest()
	served := map[string]route{}
	for _, rt := range s.routes() {
		for method := range rt.methods {
			if slices.Contains(apart, rt.pattern) {
				continue
			}
			served[method+" "+rt.pattern] = rt
			if !slices.ContainsFunc(d.Operations, func(op apitest.Operation) bool { return op.Method == method && op.Path == rt.pattern }) {
				t.Errorf("docs/openapi.json does not describe %s %s", method, rt.pattern)
			}
		}
	}
	for _, op := range d.Operations {
		rt, ok := served[op.Method+" "+op.Path]
		if !ok {
			t.Errorf("docs/openapi.json describes %s %s, which is not served", op.Method, op.Path)
			continue
		}
		if op.Open != (rt.scope == scopeOpen) {
			t.Errorf("%s %s: needs no token: %t in docs/openapi.json", op.Method, op.Path, op.Open)
		}
		var inPath []string
		for part := range strings.SplitSeq(op.Path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				inPath = append(inPath, strings.TrimSuffix(name, "}"))
			}
		}
		slices.Sort(inPath)
		if !slices.Equal(inPath, op.InPath) {
			t.Errorf("%s %s: docs/openapi.json describes the parameters %q", op.Method, op.Path, op.InPath)
		}
	}
	if len(d.Operations) < 20 {
		t.Errorf("only %d operations", len(d.Operations))
	}
}

// TestParametersAreDescribed: an address takes those that docs/openapi.json says and no other.
func TestParametersAreDescribed(t *testing.T) {
	s, _ := newTest()
	for _, op := range loadAPI(t).Operations {
		if !strings.HasPrefix(op.Path, "/api/") {
			continue // others are not asked by programs that misspell
		}
		path := strings.NewReplacer("{name}", "linear", "{tool}", "read", "{id}", "1").Replace(op.Path)
		res := call(t, s, op.Method, path+"?zzz=1", "")
		body := bodyOf(t, res)
		want := "takes no parameters"
		if len(op.Query) > 0 {
			want = "only: "
		}
		if res.StatusCode != 400 || !strings.Contains(body, want) {
			t.Errorf("%s %s?zzz=1: %s %s, want %q", op.Method, op.Path, res.Status, body, want)
		}
		_, known, _ := strings.Cut(strings.SplitN(body, `."`, 2)[0], "only: ")
		names := strings.Split(known, ", ")
		slices.Sort(names)
		if len(op.Query) > 0 && !slices.Equal(names, op.Query) {
			t.Errorf("%s %s takes %q, docs/openapi.json says %q", op.Method, op.Path, names, op.Query)
		}
	}
}

func TestDescriptionKnowsAllStates(t *testing.T) {
	var want []string
	for i := range stateview.NumStates {
		want = append(want, stateview.State(i).String())
	}
	if got, err := loadAPI(t).States(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func TestDescriptionIsServed(t *testing.T) {
	s, _ := newTest()
	if got := bodyOf(t, call(t, s, "GET", "/api/v1/openapi.json", "")); !bytes.Equal([]byte(got), docs.OpenAPI) {
		t.Errorf("%.200s", got)
	}
}

// TestEveryRouteRefusesBadRequests: with the right status, one sentence and a next
// step, and without reaching a command.
func TestEveryRouteRefusesBadRequests(t *testing.T) {
	d := loadAPI(t)
	_, logs := withLogs(t)
	s, cmds := newTest(logs)
	long := `{"name":"` + strings.Repeat("x", maxAPIBytes) + `"}`
	for _, rt := range s.routes() {
		if slices.Contains(apart, rt.pattern) {
			continue
		}
		path := strings.NewReplacer("{name}", "linear", "{tool}", "read", "{id}", "1").Replace(rt.pattern)
		try := func(what, method, target, kind, body string, status int, code string) {
			t.Helper()
			r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
			r.Host = testAddr.String()
			r.Header.Set("Authorization", "Bearer "+adminToken)
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			res := w.Result()
			text := w.Body.String()
			wantError(t, method+" "+target+": "+what, res, status, code)
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, `"hint":"`) {
				t.Errorf("%s %s: %s: no next step in %s", method, target, what, text)
			}
			if allow := res.Header.Get("Allow"); (allow != "") != (status == 405) {
				t.Errorf("%s %s: %s: Allow %q", method, target, what, allow)
			}
			if _, ok := d.Find(method, target); ok {
				if err := d.Check(method, target, res.StatusCode, res.Header, []byte(text)); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if rt.methods[method] == nil {
				try("wrong method", method, path, "", "", http.StatusMethodNotAllowed, "MPT-HTTP-METHOD")
				continue
			}
			try("oversized body", method, path, "application/json", long, http.StatusRequestEntityTooLarge, "MPT-HTTP-TOO-LARGE")
			if method == "POST" {
				try("wrong type", method, path, "text/plain", "{}", http.StatusUnsupportedMediaType, "MPT-HTTP-TYPE")
			}
			if strings.HasPrefix(rt.pattern, "/api/") {
				try("unknown parameter", method, path+"?zzz=1", "", "", http.StatusBadRequest, "MPT-HTTP-QUERY")
			}
			if strings.Contains(rt.pattern, "{name}") && method == "GET" {
				try("unknown server", method, strings.Replace(path, "linear", "nobody", 1), "", "", http.StatusNotFound, "MPT-SERVER-UNKNOWN")
			}
		}
	}
	if asked := cmds.take(nil); asked != nil {
		t.Errorf("commands were called: %q", asked)
	}
	for _, verb := range []string{"enable", "disable", "restart", "approve", ""} {
		cmds.take(ErrUnknownServer)
		method, path, body := "POST", "/api/v1/servers/nobody/"+verb, ""
		switch verb {
		case "":
			method, path = "DELETE", "/api/v1/servers/nobody"
		case "approve":
			body = `{"launch_id":"1"}`
		}
		wantError(t, method+" "+path, call(t, s, method, path, body), 404, "MPT-SERVER-UNKNOWN")
		cmds.take(ErrStale)
		wantError(t, method+" "+path, call(t, s, method, path, body), 409, "MPT-STALE")
	}
}

// described has a server whose every answer is compared with docs/openapi.json.
type described struct {
	t testing.TB
	d *apitest.Document
	*Server
}

func (h described) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	h.Server.ServeHTTP(rec, r)
	if _, ok := h.d.Find(r.Method, r.URL.EscapedPath()); ok {
		if err := h.d.Check(r.Method, r.URL.EscapedPath(), rec.Code, rec.Header(), rec.Body.Bytes()); err != nil {
			h.t.Error(err)
		}
	}
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}
